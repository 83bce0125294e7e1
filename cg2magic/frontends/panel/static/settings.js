// The notebook's own settings: metadata of the document, under the name of the package.

import { notebookOf } from "./notebook.js";

/** @type {Record<string, string | undefined>} */
const MEANS = {
  none: "a model sees the cell that asks, and nothing else (context off)",
  cell: "a model sees the cell that asks and what the kernel knows of its names, and no other cell",
  notebook: "a model may see the notebook's cells",
};

/**
 * What they mean, in words.
 *
 * @param {Jupyter.NotebookSettings} settings
 * @returns {string}
 */
function saySettings(settings) {
  const level = settings.context ?? "notebook";
  const vars = settings.vars ?? "auto";
  const told = level === "none" || vars === "auto" ? "" : `; variables: ${vars}`;
  return `In this notebook ${MEANS[level] ?? MEANS.none}${told}.`;
}

/**
 * Write the settings that are wanted, and show those that hold; gives what ends that.
 *
 * @param {{ model: Panel.Model<Panel.SettingsTraits>, el: HTMLElement }} given
 * @returns {(() => void) | undefined}
 */
function render({ model, el }) {
  const notebook = notebookOf(model)?.model.sharedModel;
  const line = document.createElement("p");
  line.role = "status";
  el.append(line);
  const wanted = model.get("wanted");
  if (!notebook) {
    const json = JSON.stringify({ cg2magic: wanted });
    line.textContent = `The notebook can't be reached from here: put ${json} into its metadata.`;
    return undefined;
  }
  if (Object.keys(wanted).length) {
    notebook.setMetadata("cg2magic", { ...notebook.getMetadata("cg2magic"), ...wanted });
    model.set("wanted", {});
    model.save_changes();
  }
  const draw = () => {
    line.textContent = saySettings(notebook.getMetadata("cg2magic") ?? {});
  };
  draw();
  notebook.metadataChanged?.connect(draw);
  return () => {
    notebook.metadataChanged?.disconnect(draw);
  };
}

const settings = { render };

export default settings;
