package console

import (
	"math"
	"slices"
	"strconv"

	"nof0/internal/wire"
)

// sketchPoints is how many points of a curve a page asks for at most: on the widest page
// one for every five pixels, which loses nothing to see since the extremes are kept.
const sketchPoints = 240

// Points is sketchPoints as a parameter of the API.
func (shown) Points() string { return strconv.Itoa(sketchPoints) }

// sketched is a curve of a sketch: the path that it takes through an image of
// sketchSize by sketchSize, and the class of its color.
type sketched struct{ Class, Path string }

const sketchSize = 1000

// sketch draws the curves of models as the script of the curves first draws them, so that
// they are seen before any script runs. It is nil where the address asks the script for
// something else.
func (r *reading) sketch(models []model, curves map[string]wire.EquityCurve) (lines []sketched) {
	if slices.ContainsFunc([]string{"range", "unit", "scale", "model"}, r.ask.Query.Has) {
		return nil
	}
	var at, equity []float64
	for _, m := range models {
		for _, p := range curves[m.ID].Points {
			at, equity = append(at, p.Timestamp), append(equity, p.DollarEquity)
		}
	}
	if len(at) == 0 {
		return nil
	}
	left, right := slices.Min(at), slices.Max(at)
	low, high := sketchRange(slices.Min(equity), slices.Max(equity))
	if size := high - low; left == right || math.IsInf(size, 0) || math.IsNaN(size) {
		return nil
	}
	for _, m := range models {
		path, x, y := []byte("M"), 0, 0
		for i, p := range curves[m.ID].Points {
			toX := int(math.Round(sketchSize * (p.Timestamp - left) / (right - left)))
			toY := int(math.Round(sketchSize * (high - p.DollarEquity) / (high - low)))
			if i == 1 {
				path = append(path, 'l')
			} else if i > 1 {
				path = append(path, ' ')
			}
			path = strconv.AppendInt(path, int64(toX-x), 10)
			path = append(path, ' ')
			path = strconv.AppendInt(path, int64(toY-y), 10)
			x, y = toX, toY
		}
		if len(path) > 1 {
			lines = append(lines, sketched{m.Class(), string(path)})
		}
	}
	return lines
}

// sketchRange is the range of an axis for values from low to high: a tenth of it more at
// both ends, rounded, but not beyond zero. The chart's library has the same.
func sketchRange(low, high float64) (from, to float64) {
	size, pad := high-low, 0.1
	if size == 0 {
		size, pad = math.Abs(high), 1
	}
	if size == 0 {
		return 0, 100
	}
	step := math.Pow(10, math.Floor(math.Log10(size))) / 10
	from = math.Floor((low-size*pad)/step) * step
	to = math.Ceil((high+size*pad)/step) * step
	if low >= 0 {
		from = max(from, 0)
	}
	if high <= 0 {
		to = min(to, 0)
	}
	return from, to
}
