// What the matchers of a silence meet, shown as they are written: the form's own preview, asked for once the keys rest.
const fields = document.querySelector("[data-preview]");
const REST_MS = 500;
let asked = new AbortController();
let resting;

async function preview(form) {
  asked.abort();
  asked = new AbortController();
  const body = new URLSearchParams(new FormData(form));
  body.set("preview", "yes");
  try {
    const answer = await fetch(form.action, { method: "POST", body, signal: asked.signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.querySelector("[data-preview] [data-result]");
    const shown = fields.querySelector("[data-result]");
    if (!found) return;
    shown.replaceChildren(...found.childNodes);
    shown.hidden = found.hidden;
  } catch {
    // Without the service, or with a newer question under way, what is shown stays.
  }
}

fields?.addEventListener("input", (event) => {
  if (event.target.name !== "matchers") return;
  clearTimeout(resting);
  resting = setTimeout(preview, REST_MS, event.target.form);
});
