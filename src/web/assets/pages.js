// Starts the components of GOV.UK Frontend. Every page works without it.
import { initAll } from "./govuk-frontend.js";

document.body.classList.add("js-enabled");
if ("noModule" in HTMLScriptElement.prototype) document.body.classList.add("govuk-frontend-supported");
initAll();

// A form that is sent while there is no connection would give way to the browser's own page. It is sent only once the server is seen
// to answer; until then it stays, with everything that was typed, and says so. Its key stays too: it asks once.
const PATIENCE_MS = 5000;
for (const form of document.querySelectorAll("form[data-waits-for]")) {
  const notice = document.getElementById("no-connection");
  let waiting = false;
  form.addEventListener("submit", async (event) => {
    if (event.submitter?.name) return;
    event.preventDefault();
    if (waiting) return;
    waiting = true;
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answers = await fetch(form.dataset.waitsFor, { method: "HEAD", cache: "no-store", signal }).then(() => true, () => false);
    waiting = false;
    notice.hidden = answers;
    if (answers) form.submit();
    else notice.scrollIntoView({ block: "center" });
  });
}
