export { confusionChart, histogram, type BarChart, type Chart, type Heatmap, type LineChart } from './chart';
export { setOutputSink, show, showHtml, showSvg, Slot, type MimeBundle } from './display';
export { figure, figureBundle } from './figure';
export { filterPictures, gridSvg, imageGrid, picturesOf } from './images';
export { resultRows, resultsTable } from './results';
export { attempt, notice, table, tableHtml } from './table';
export { duration, liveTraining, trainingCharts } from './training';
export { diagram, showDiagram, type DiagramOptions } from './diagram';
export { modelPicture, modelPictureSvg } from './modelPicture';
