/** The parameters of every layer as the papers' tables give them, worked out here without the models' code. */

const conv = (size: number, ins: number, outs: number) => size * size * ins * outs;
const bn = (channels: number) => 2 * channels;

/** Layer name → trainable scalars, for a model of the table. */
export function expectedLayers(name: string): Record<string, number> {
  const [family, ...numbers] = /^[a-z]+/.exec(name)!.concat(name.match(/\d+/g)!);
  const [first, second, third] = numbers.map(Number);
  if (family === 'vgg') return vgg(first);
  if (family === 'wrn') return basic((first - 4) / 6, 16 * second, true, true);
  if (family === 'resnext') return resnext(second, third);
  return first >= 164 ? bottleneck((first - 2) / 9) : basic((first - 2) / 6, 16, second === 2);
}

/** 1409.1556, table 1: how many 3×3 convolutions the five stages of 64, 128, 256, 512, 512 channels have. */
function vgg(depth: number): Record<string, number> {
  const blocks = { 11: '11222', 13: '22222', 16: '22333', 19: '22444' }[depth]!;
  const layers: Record<string, number> = {};
  let ins = 3;
  [64, 128, 256, 512, 512].forEach((outs, stage) => {
    for (let i = 1; i <= Number(blocks[stage]); i++) {
      layers[`stage${stage + 1}/conv${i}`] = conv(3, ins, outs) + outs;
      layers[`stage${stage + 1}/bn${i}`] = bn(outs);
      ins = outs;
    }
  });
  return { ...layers, logits: 512 * 10 + 10 };
}

/** 1512.03385, section 4.2 (shortcuts without parameters), 1603.05027 (v2), and 1605.07146, table 1 (wide: v2 with 1×1 projections). */
function basic(blocks: number, firstWidth: number, v2: boolean, projections = false): Record<string, number> {
  const layers: Record<string, number> = { 'stem/conv': conv(3, 3, 16) };
  layers[v2 ? 'head/bn' : 'stem/bn'] = bn(v2 ? 4 * firstWidth : 16);
  let ins = 16;
  [1, 2, 4].forEach((times, stage) => {
    const outs = firstWidth * times;
    for (let i = 1; i <= blocks; i++) {
      const block = `stage${stage + 1}/block${i}`;
      layers[`${block}/bn1`] = bn(v2 ? ins : outs);
      layers[`${block}/conv1`] = conv(3, ins, outs);
      layers[`${block}/bn2`] = bn(outs);
      layers[`${block}/conv2`] = conv(3, outs, outs);
      if (projections && ins !== outs) layers[`${block}/shortcut/conv`] = conv(1, ins, outs);
      ins = outs;
    }
  });
  return { ...layers, logits: ins * 10 + 10 };
}

/** 1603.05027, section 4: 1×1 to a quarter, 3×3, 1×1 to 64, 128, 256 channels, before each of them BN. */
function bottleneck(blocks: number): Record<string, number> {
  const layers: Record<string, number> = { 'stem/conv': conv(3, 3, 16), 'head/bn': bn(256) };
  let ins = 16;
  [16, 32, 64].forEach((narrow, stage) => {
    for (let i = 1; i <= blocks; i++) {
      const block = `stage${stage + 1}/block${i}`;
      layers[`${block}/bn1`] = bn(ins);
      layers[`${block}/conv1`] = conv(1, ins, narrow);
      layers[`${block}/bn2`] = bn(narrow);
      layers[`${block}/conv2`] = conv(3, narrow, narrow);
      layers[`${block}/bn3`] = bn(narrow);
      layers[`${block}/conv3`] = conv(1, narrow, 4 * narrow);
      if (ins !== 4 * narrow) layers[`${block}/shortcut/conv`] = conv(1, ins, 4 * narrow);
      ins = 4 * narrow;
    }
  });
  return { ...layers, logits: 256 * 10 + 10 };
}

/** 1611.05431, section 5.3: 29 layers, C groups of d, 2d, 4d channels in blocks that give out 256, 512, 1024. */
function resnext(cardinality: number, width: number): Record<string, number> {
  const layers: Record<string, number> = { 'stem/conv': conv(3, 3, 64), 'stem/bn': bn(64) };
  let ins = 64;
  [1, 2, 4].forEach((times, stage) => {
    const inner = cardinality * width * times;
    const outs = 256 * times;
    for (let i = 1; i <= 3; i++) {
      const block = `stage${stage + 1}/block${i}`;
      layers[`${block}/conv1`] = conv(1, ins, inner);
      layers[`${block}/conv2`] = cardinality * conv(3, width * times, width * times);
      layers[`${block}/conv3`] = conv(1, inner, outs);
      layers[`${block}/bn1`] = bn(inner);
      layers[`${block}/bn2`] = bn(inner);
      layers[`${block}/bn3`] = bn(outs);
      if (ins !== outs) {
        layers[`${block}/shortcut/conv`] = conv(1, ins, outs);
        layers[`${block}/shortcut/bn`] = bn(outs);
      }
      ins = outs;
    }
  });
  return { ...layers, logits: 1024 * 10 + 10 };
}
