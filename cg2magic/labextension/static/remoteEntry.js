// What JupyterLab's loader expects of a prebuilt extension: a container with module federation's two
// functions. It is written by hand, so that there is nothing to build.
{
  // A script, and no module, is what the loader adds to the page.
  const { src: here } = /** @type {HTMLScriptElement} */ (document.currentScript);
  /** @type {Jupyter.Shared} */
  let shared = {};
  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB.cg2magic = {
    /**
     * Gets all that JupyterLab and the other extensions share: `scope[package][version].get()`.
     *
     * @param {Jupyter.Shared} scope
     * @returns {void}
     */
    init(scope) {
      shared = scope;
    },
    /** @returns {Promise<() => object>} */
    async get() {
      const { extension } = await import(new URL("extension.js", here).href);
      const module = await extension(shared);
      return () => module;
    },
  };
}
