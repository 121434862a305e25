/* global window, document, getComputedStyle, MutationObserver */
/**
 * A prebuilt JupyterLab extension, small enough to need no bundler: it keeps to the contract of JupyterLab's loader
 * (a container with `init` and `get` under window._JUPYTERLAB) and draws two MIME types.
 *
 * - application/vnd.plotly.v1+json by plotly.js, which lies beside this file and is loaded with the first figure.
 * - image/svg+xml as an <img>, where no script can run: so stored pictures show before a notebook is trusted.
 */
(function () {
  const folder = document.currentScript.src.replace(/[^/]*$/, '');
  let lumino;
  let plotly;

  function loadPlotly() {
    plotly =
      plotly ||
      new Promise((resolve, reject) => {
        const script = document.createElement('script');
        script.src = folder + 'plotly.js';
        script.onload = () => resolve(window.Plotly);
        script.onerror = () =>
          reject(new Error('plotly.js is missing beside the extension: run npm run setup'));
        document.head.appendChild(script);
      });
    return plotly;
  }

  /** Figures are stored in mid tones for any page; in JupyterLab text takes the theme's own color. */
  function themed(layout) {
    const ink = getComputedStyle(document.body).getPropertyValue('--jp-content-font-color1').trim();
    return ink ? { ...layout, font: { ...layout.font, color: ink } } : layout;
  }

  function plotlyWidget(options) {
    const widget = new lumino.Widget();
    widget.addClass('jp-RenderedPlotly');
    let model;
    const draw = async () => {
      const figure = model.data[options.mimeType];
      try {
        const Plotly = await loadPlotly();
        // Nothing leaves this machine: no button that sends the data to a server.
        const config = { ...figure.config, showSendToCloud: false };
        await Plotly.react(widget.node, figure.data, themed(figure.layout), config);
      } catch (error) {
        widget.node.textContent = String(error.message || error);
      }
    };
    const themes = new MutationObserver(() => model && draw());
    themes.observe(document.body, {
      attributes: true,
      attributeFilter: ['data-jp-theme-light', 'data-jp-theme-name'],
    });
    widget.disposed.connect(() => {
      themes.disconnect();
      if (window.Plotly) window.Plotly.purge(widget.node);
    });
    widget.renderModel = next => {
      model = next;
      return draw();
    };
    return widget;
  }

  function svgWidget(options) {
    const widget = new lumino.Widget();
    widget.addClass('jp-RenderedSVG');
    widget.renderModel = async model => {
      const image = document.createElement('img');
      image.style.maxWidth = '100%';
      image.src =
        'data:image/svg+xml,' + encodeURIComponent([].concat(model.data[options.mimeType]).join(''));
      widget.node.replaceChildren(image);
    };
    return widget;
  }

  const renderer = (id, mimeType, rank, create) => ({
    id: 'cifar-plotly:' + id,
    rank,
    dataType: mimeType.endsWith('json') ? 'json' : 'string',
    rendererFactory: { safe: true, mimeTypes: [mimeType], defaultRank: rank, createRenderer: create },
  });

  const extensions = [
    renderer('plotly', 'application/vnd.plotly.v1+json', 0, plotlyWidget),
    renderer('svg', 'image/svg+xml', 70, svgWidget),
  ];

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB['cifar-plotly'] = {
    async init(shared) {
      const versions = Object.values(shared['@lumino/widgets'] || {});
      lumino = (await versions[0].get())();
    },
    async get() {
      return () => ({ __esModule: true, default: extensions });
    },
  };
})();
