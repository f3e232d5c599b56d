package console

// operatorsData is what a page of operators is rendered from: its title alone, since a
// script reads all that it shows with the admin token.
type operatorsData struct{ name string }

func (d operatorsData) title() string { return d.name }

func operators(title string) func(*reading) (any, error) {
	return func(*reading) (any, error) { return operatorsData{title}, nil }
}
