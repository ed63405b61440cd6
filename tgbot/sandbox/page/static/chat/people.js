// The people of the sandbox: pick one, add one, change one.
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { ask } from "../link.js";
import { people } from "./accounts.js";
import { Avatar } from "./avatar.js";
import { Icon } from "./icons.js";
import { Modal, openMenu } from "./modal.js";

const entityOf = (person) => ({ first_name: person.name, last_name: person.last_name });
const fullName = (person) => [person.name, person.last_name].filter(Boolean).join(" ");

/** What a pane shows while nobody is chosen. */
export function Welcome({ pane }) {
  const known = people.value;
  return html`
    <div class="welcome">
      <div class="welcome-inside">
        <h2>Who are you?</h2>
        <p>Each person here has an account of their own in the sandbox. Be one of them, and write to a bot.</p>
        ${known === null
          ? html`<p role="status">Loading …</p>`
          : html`
              <div class="choices">
                ${known.map(
                  (person) => html`
                    <button key=${person.id} class="choice" onClick=${() => pane.show(person.id)}>
                      <${Avatar} id=${person.id} entity=${entityOf(person)} size="small" />
                      <span class="choice-words">
                        <span>${fullName(person)}</span>
                        <span class="quiet">${person.username && `@${person.username}`}</span>
                      </span>
                    </button>
                  `,
                )}
              </div>
              <button class="button" onClick=${() => editPerson(pane)}><${Icon} name="plus" />Add a person</button>
            `}
      </div>
    </div>
  `;
}

/** The bar above the list of chats: who this pane is. */
export function PersonBar({ pane }) {
  const person = people.value?.find((each) => each.id === pane.account.value);
  if (person === undefined) return null;
  const others = people.value.filter((each) => each.id !== person.id);
  const items = [
    { name: `Change ${person.name}`, icon: "edit", does: () => editPerson(pane, person) },
    { name: "Add a person", icon: "plus", does: () => editPerson(pane) },
    ...others.map((other) => ({ name: fullName(other), icon: "person", does: () => pane.show(other.id) })),
  ];
  return html`
    <header class="person">
      <button
        class="person-button"
        aria-haspopup="menu"
        title="Change person"
        onClick=${(event) => openMenu(pane, event, items)}
      >
        <${Avatar} id=${person.id} entity=${entityOf(person)} size="small" />
        <span class="unseen">You are </span>
        <span class="person-name">${fullName(person)}${person.premium && html`<span class="star"> ★</span>`}</span>
        <span class="quiet">${person.username && `@${person.username}`}</span>
        <${Icon} name="more" />
      </button>
    </header>
  `;
}

/** Open the form of a person, or of a new one. */
export function editPerson(pane, person = null) {
  const close = () => (pane.over.value = null);
  pane.over.value = () => html`<${Form} pane=${pane} person=${person} close=${close} />`;
}

const LANGUAGES = { "": "not told", en: "English", ru: "Russian", de: "German", es: "Spanish", uk: "Ukrainian", fa: "Persian" };

function Form({ pane, person, close }) {
  const [wrong, setWrong] = useState("");
  const languages = { ...LANGUAGES, ...(person?.language in LANGUAGES || !person ? {} : { [person.language]: person.language }) };
  const submit = async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.currentTarget));
    const values = { ...given, premium: given.premium === "on" };
    try {
      if (person === null) {
        const added = await ask("add", values);
        pane.show(added.id);
      } else await ask("change", { account: person.id, ...values });
      close();
    } catch (error) {
      setWrong(error.message);
    }
  };
  return html`
    <${Modal} title=${person === null ? "Add a person" : `Change ${fullName(person)}`} close=${close}>
      <form class="form" onSubmit=${submit}>
        <label>First name <input name="name" required maxlength="64" autofocus value=${person?.name ?? ""} /></label>
        <label>Last name <input name="last_name" maxlength="64" value=${person?.last_name ?? ""} /></label>
        <label>Username <input name="username" maxlength="33" autocapitalize="off" value=${person?.username ?? ""} /></label>
        <label>
          Language
          <select name="language" value=${person?.language ?? ""}>
            ${Object.entries(languages).map(([code, name]) => html`<option key=${code} value=${code}>${name}</option>`)}
          </select>
        </label>
        <label class="form-check">
          <input type="checkbox" name="premium" checked=${person?.premium ?? false} /> Telegram Premium
        </label>
        ${wrong && html`<p class="form-wrong" role="alert">${wrong}</p>`}
        <footer class="modal-foot">
          <button type="button" class="button button-plain" onClick=${close}>Cancel</button>
          <button class="button">${person === null ? "Add" : "Change"}</button>
        </footer>
      </form>
    </${Modal}>
  `;
}

