package switches

import (
	"fmt"

	"nof0/internal/arena"
)

// plan is what it takes to bring a domain from its modes to others.
type plan struct {
	imports   bool   // the JSON files are taken in first
	renders   bool   // the JSON files are rendered first
	refused   string // why it cannot be; "" where it can
	forceable bool   // force overrides why
}

// plan plans a move; parity is why reading from the store is refused.
func (r *Rollout) plan(d arena.Domain, from, to arena.Modes, parity string) (p plan) {
	p.imports = from.Write == arena.WriteJSON && to.Write != arena.WriteJSON
	// The files lie behind what is written to Postgres; they are brought along where they
	// become what is written to, followed, or read.
	p.renders = from.Write != arena.WriteJSON && (from.Write != to.Write && to.Write != arena.WriteStore ||
		from.Write == to.Write && from.Read == arena.ReadStore && to.Read != arena.ReadStore)
	storeAlone := to == arena.Modes{Read: arena.ReadStore, Write: arena.WriteStore}
	switch {
	case to.Read == arena.ReadStore && to.Write == arena.WriteJSON:
		p.refused = fmt.Sprintf("%s cannot be read from the store while its writes go to the JSON files alone; set write=both as well", d)
	case to.Write == arena.WriteStore && to.Read != arena.ReadStore:
		p.refused = fmt.Sprintf("writes of %s cannot go to the store alone while it is read from the JSON files (read=%s); set read=store as well, or write=both", d, to.Read)
	case r.o.Renderer == nil && !storeAlone:
		p.refused = "no JSON store is configured here: without json_dir (NOF0_JSON_DIR) read=store write=store is all there is"
	case to.Read == arena.ReadStore && from.Read != arena.ReadStore && parity != "":
		p.refused, p.forceable = parity, true
	case p.imports && r.o.Importer == nil:
		p.refused = fmt.Sprintf("writes of %s go to the JSON files, and none are configured here to take over from: set json_dir (NOF0_JSON_DIR)", d)
		p.forceable = true
	}
	return p
}

// effects say for people what the plan does, and what holds afterwards.
func (p plan) effects(to arena.Modes) (says []string) {
	if p.imports {
		says = append(says, "First the JSON files are imported; a row that Postgres cannot take refuses the move, unless it is forced.")
	}
	if p.renders {
		says = append(says, "First the JSON files are rendered from Postgres.")
	}
	return append(says, map[arena.ReadMode]string{
		arena.ReadJSON:   "Answers come from the JSON files.",
		arena.ReadShadow: "Answers come from the JSON files; a sample is also asked of Postgres and compared.",
		arena.ReadStore:  "Answers come from Postgres.",
	}[to.Read], map[arena.WriteMode]string{
		arena.WriteJSON:  "Writes go to the JSON files alone.",
		arena.WriteBoth:  "Writes go to Postgres, and the JSON files follow.",
		arena.WriteStore: "Writes go to Postgres alone.",
	}[to.Write])
}

// moves are those of a domain to all other modes.
func (r *Rollout) moves(d arena.Domain, from arena.Modes, parity string) (all []arena.Move) {
	for _, read := range readModes() {
		for _, write := range writeModes() {
			to := arena.Modes{Read: read, Write: write}
			if to == from {
				continue
			}
			p := r.plan(d, from, to, parity)
			all = append(all, arena.Move{Read: read, Write: write, Effects: p.effects(to), Refused: p.refused, Forceable: p.forceable})
		}
	}
	return all
}
