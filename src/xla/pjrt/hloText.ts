/** XLA's own program (HloModuleProto, xla/service/hlo.proto) as text, in the manner of XLA's HLO dumps. */
import { type Message, messagesOf, numberOf, numbersOf, readMessage, textOf } from './protoReader';

/** Names of xla_data.proto's PrimitiveType. */
const TYPES: Readonly<Record<number, string>> = {
  1: 'pred', 2: 's8', 3: 's16', 4: 's32', 5: 's64', 6: 'u8', 7: 'u16', 8: 'u32', 9: 'u64',
  10: 'f16', 11: 'f32', 12: 'f64', 15: 'c64', 16: 'bf16', 17: 'token', 18: 'c128',
}; // prettier-ignore
const TUPLE = 13;

/** `f32[128,32]{1,0}`: element type, dimensions, and the order in memory, fastest axis first. */
function shapeText(shape: Message | undefined): string {
  if (!shape) return '()';
  const type = numberOf(shape, 2);
  if (type === TUPLE) return `(${messagesOf(shape, 4).map(shapeText).join(', ')})`;
  const dims = numbersOf(shape, 3);
  const layout = messagesOf(shape, 5)[0];
  const order = layout && dims.length > 0 ? `{${numbersOf(layout, 1).join(',')}}` : '';
  return `${TYPES[type] ?? `type${type}`}[${dims.join(',')}]${order}`;
}

const FUSION_KINDS = ['kLoop', 'kInput', 'kOutput', 'kCustom'];

interface Names {
  readonly computations: ReadonlyMap<number, string>;
  readonly instructions: ReadonlyMap<number, string>;
}

function instructionText(instruction: Message, { computations, instructions }: Names): string {
  const opcode = textOf(instruction, 2);
  const operands = numbersOf(instruction, 36).map(id => `%${instructions.get(id) ?? id}`);
  if (opcode === 'parameter') operands.push(String(numberOf(instruction, 9)));
  const extra: string[] = [];
  const dimensions = numbersOf(instruction, 14);
  if (dimensions.length > 0) extra.push(`dimensions={${dimensions.join(',')}}`);
  if (opcode === 'get-tuple-element') extra.push(`index=${numberOf(instruction, 13)}`);
  if (opcode === 'fusion') extra.push(`kind=${textOf(instruction, 11) || FUSION_KINDS[0]}`);
  if (opcode === 'custom-call') extra.push(`custom_call_target="${textOf(instruction, 28)}"`);
  const called = numbersOf(instruction, 38).map(id => `%${computations.get(id) ?? id}`);
  if (called.length > 0) extra.push(`calls=${called.join(', ')}`);
  const shape = shapeText(messagesOf(instruction, 3)[0]);
  return `%${textOf(instruction, 1)} = ${shape} ${[`${opcode}(${operands.join(', ')})`, ...extra].join(', ')}`;
}

/**
 * @param format as the plugin names it: 'hlo' or 'hlo_with_config' (binary), or a text format, which is handed through
 */
export function hloText(code: Buffer, format: string): string {
  if (format !== 'hlo' && format !== 'hlo_with_config') return code.toString('utf8');
  const whole = readMessage(code);
  const module = format === 'hlo' ? whole : messagesOf(whole, 1)[0];
  const entry = textOf(module, 2);
  const all = messagesOf(module, 3);
  const computations = new Map(all.map(c => [numberOf(c, 5), textOf(c, 1)]));
  const texts = all.map(computation => {
    const list = messagesOf(computation, 2);
    const instructions = new Map(list.map(i => [numberOf(i, 35), textOf(i, 1)]));
    const root = numberOf(computation, 6);
    const lines = list.map(
      i =>
        `  ${numberOf(i, 35) === root ? 'ROOT ' : ''}${instructionText(i, { computations, instructions })}`,
    );
    const name = textOf(computation, 1);
    return `${name === entry ? 'ENTRY ' : ''}%${name} {\n${lines.join('\n')}\n}`;
  });
  return `HloModule ${textOf(module, 1)}\n\n${texts.join('\n\n')}\n`;
}
