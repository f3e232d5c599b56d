package console

// cutoverData is what the page of the cutover is rendered from: nothing, since a script
// reads all that it shows with the admin token.
type cutoverData struct{}

func (cutoverData) title() string { return "Cutover" }
