package arena

// Gathered is how many writes of a kind wait to share the next transaction.
func (g *Intake) Gathered(kind IngestKind) int {
	g.gathering.mu.Lock()
	defer g.gathering.mu.Unlock()
	if waiting := g.gathering.waiting[shareable{kind: kind}]; waiting != nil {
		return len(*waiting)
	}
	return 0
}
