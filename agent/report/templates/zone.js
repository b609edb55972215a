document.querySelectorAll("time").forEach(time => {
  const at = new Date(time.dateTime), part = at.getTimezoneOffset();
  if (!part) return;
  const zone = new Intl.DateTimeFormat("en-GB", {dateStyle: "medium", timeStyle: "short"}).format(at);
  const name = new Intl.DateTimeFormat("en-GB", {timeZoneName: "short"}).formatToParts(at).find(one => one.type === "timeZoneName").value;
  time.textContent = zone + " " + name + " (" + time.dateTime.slice(0, 19).replace("T", " ") + " UTC)";
});
