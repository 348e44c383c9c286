// Before the first paint: tells the style sheets that scripts run, so that menus may start closed.
document.documentElement.classList.add("dm-js");
