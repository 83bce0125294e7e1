// The plugin: brings the provider, the commands and the status item together.

import { addCommands } from "./commands.js";
import { lendEditor } from "./editor.js";
import { StatusMenu } from "./menu.js";
import { NotebookLines } from "./notebooks.js";
import { Provider } from "./provider.js";
import { showStatus } from "./status.js";

const ID = "cg2magic:extension";

/**
 * Take a package out of what is shared: the one that is in use, for its tokens are compared by identity.
 *
 * @param {Jupyter.Shared} shared
 * @param {string} name
 * @returns {Promise<Jupyter.Taken>}
 */
async function take(shared, name) {
  const versions = Object.values(shared[name] ?? {});
  const used = versions.find((version) => version.loaded) ?? versions.at(-1);
  return used ? (await used.get())() : {};
}

/**
 * Why the page shows no suggestions, whatever the kernel says; empty where it can.
 *
 * @param {Jupyter.CompletionManager} completions
 * @param {Provider} provider
 * @returns {string}
 */
function obstacle(completions, provider) {
  if (!completions.registerInlineProvider) return "They need JupyterLab 4.2 or Notebook 7.2, or newer.";
  if (!completions.inline)
    return (
      "JupyterLab's inline completer, which shows them, is disabled. To have it back: " +
      "jupyter labextension enable @jupyterlab/completer-extension:inline-completer"
    );
  return provider.enabled ? "" : "They are switched off in JupyterLab's settings, under Inline Completer.";
}

/**
 * The menu behind the status item; null where the front end lacks what it is made of.
 *
 * @param {Jupyter.Taken} taken
 * @param {NotebookLines} lines
 * @param {Jupyter.Settings | null | undefined} settings
 * @returns {StatusMenu | null}
 */
function menuOf({ CommandRegistry, MenuSvg, showDialog, Dialog }, lines, settings) {
  if (!CommandRegistry || !MenuSvg || !showDialog || !Dialog) return null;
  /** @type {(choice: Inline.Choice) => Promise<boolean>} */
  const agree = async ({ name, ask }) => {
    const buttons = [Dialog.cancelButton(), Dialog.okButton({ label: "Download and load" })];
    return (await showDialog({ title: `Load ${name}?`, body: ask, buttons })).button.accept;
  };
  const usual = {
    get: () => lines.usual,
    set: (/** @type {Inline.Usual} */ now) => {
      lines.usual = now;
      settings?.set("suggestions", now);
    },
  };
  return new StatusMenu({ CommandRegistry, Menu: MenuSvg, usual, agree });
}

/**
 * Follow what JupyterLab's settings say of all notebooks.
 *
 * @param {Jupyter.Settings | null | undefined} settings
 * @param {NotebookLines} lines
 * @returns {void}
 */
function followUsual(settings, lines) {
  const read = () => {
    lines.usual = settings?.get("suggestions").composite ?? "off";
  };
  settings?.changed.connect(read);
  read();
}

/**
 * The module that the loader asks for.
 *
 * @param {Jupyter.Shared} shared
 * @returns {Promise<{ __esModule: true, default: object }>}
 */
export async function extension(shared) {
  const parts = "completer notebook statusbar apputils settingregistry ui-components codeeditor".split(" ");
  const lumino = ["@lumino/widgets", "@lumino/commands"];
  // The later ones win: CodeMirror has a `showDialog` of its own.
  const packages = ["@codemirror/view", ...parts.map((name) => `@jupyterlab/${name}`), ...lumino];
  /** @type {Jupyter.Taken} */
  const taken = Object.assign({}, ...(await Promise.all(packages.map((name) => take(shared, name)))));
  const { ICompletionProviderManager, INotebookTracker, Widget } = taken;
  // Another front end, which shares the loader and no notebooks.
  if (!ICompletionProviderManager || !INotebookTracker || !Widget) return { __esModule: true, default: [] };

  // A front end without a status bar may not even share the package.
  const optional = [taken.IStatusBar, taken.ICommandPalette, taken.ISettingRegistry];
  const plugin = {
    id: ID,
    description: "Suggestions in the cell while you type.",
    autoStart: true,
    requires: [ICompletionProviderManager, INotebookTracker],
    optional: optional.filter(Boolean),
    /**
     * @param {Jupyter.App} app
     * @param {Jupyter.CompletionManager} completions
     * @param {Jupyter.Tracker} tracker
     * @param {(object | null)[]} given - For what is optional, without what is not shared.
     * @returns {Promise<void>}
     */
    async activate(app, completions, tracker, ...given) {
      const [bar, commands, registry] = optional.map((token) => (token ? (given.shift() ?? null) : null));
      // Before the first word to a kernel, which is told what is usual.
      const settings = await /** @type {Jupyter.SettingRegistry | null} */ (registry)
        ?.load(ID)
        .catch(() => null);
      const lines = new NotebookLines(tracker, (panel) => completions.inline?.invoke(panel.id));
      const provider = new Provider(lines);
      completions.registerInlineProvider?.(provider); // since JupyterLab 4.1
      const palette = /** @type {Jupyter.Palette | null} */ (commands);
      addCommands({ app, palette, tracker, lines, provider });
      followUsual(settings, lines);
      lendEditor(taken, tracker);
      const statusBar = /** @type {Jupyter.StatusBar | null} */ (bar);
      const menu = menuOf(taken, lines, settings);
      showStatus({
        Widget,
        statusBar,
        tracker,
        lines,
        menu,
        obstacle: () => obstacle(completions, provider),
      });
    },
  };
  return { __esModule: true, default: plugin };
}
