// What JupyterLab's loader expects of a prebuilt extension: a container with module federation's two
// functions. It is written by hand, so that there is nothing to build.
{
  const here = document.currentScript.src;
  let shared = {};
  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB.cg2magic = {
    /** Gets all that JupyterLab and the other extensions share: `scope[package][version].get()`. */
    init(scope) {
      shared = scope;
    },
    async get() {
      const { extension } = await import(new URL("extension.js", here));
      const module = await extension(shared);
      return () => module;
    },
  };
}
