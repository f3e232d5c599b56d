package repository

import (
	"context"

	"gorm.io/gorm"

	"nof0/entities"
)

// Symbols keeps the traded perpetuals.
type Symbols struct{ base }

// All returns every symbol by name.
func (r Symbols) All(ctx context.Context) (symbols []entities.Symbol, err error) {
	err = r.run(ctx, "symbols", "All", func(db *gorm.DB) error {
		return db.Order(bySymbol).Find(&symbols).Error
	})
	return symbols, err
}

// Named returns the symbols of the given names, by name; unknown ones are left
// out.
func (r Symbols) Named(ctx context.Context, names []string) (symbols []entities.Symbol, err error) {
	err = r.run(ctx, "symbols", "Named", func(db *gorm.DB) error {
		return db.Where("symbol IN ?", names).Order(bySymbol).Find(&symbols).Error
	})
	return symbols, err
}

// Register adds the symbols that are not known yet and leaves the others
// alone. It returns those that it added.
func (r Symbols) Register(ctx context.Context, symbols []entities.Symbol) (added []entities.Symbol, err error) {
	err = r.run(ctx, "symbols", "Register", func(db *gorm.DB) error {
		added, err = registerAll(db, symbols)
		return err
	})
	return added, err
}

// Withdraw takes back symbols that this transaction has registered and that
// nothing refers to.
func (r Symbols) Withdraw(ctx context.Context, symbols []entities.Symbol) error {
	return r.run(ctx, "symbols", "Withdraw", func(db *gorm.DB) error {
		return withdraw(db, symbols)
	})
}
