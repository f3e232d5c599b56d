package repository

import "nof0/entities"

// Book applies the rules of open positions, which are those of Trading, to
// positions that are kept outside of the database.
type Book struct{ book *book }

// NewBook returns the book of some positions, open and closed ones.
func NewBook(positions []entities.Position) *Book {
	b := &book{
		positions: make(map[positionKey]*entities.Position),
		open:      make(map[slot]positionKey),
		changed:   make(map[positionKey]bool),
	}
	for i := range positions {
		b.put(&positions[i])
	}
	return &Book{b}
}

// Adjust opens a position or changes the open one of its id.
func (b *Book) Adjust(p *entities.Position) Applied { return b.book.adjust(p) }

// Close does to the position of a fill what the fill says, and returns it as
// it is then; nil where there is none. Where that may not be, conflict says
// why, and nothing has changed.
func (b *Book) Close(f *Fill) (changed *entities.Position, conflict string) { return b.book.close(f) }
