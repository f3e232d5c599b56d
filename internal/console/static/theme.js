// Before anything is drawn: the theme that the reader has chosen.
try {
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // Without storage, that of the system.
}
