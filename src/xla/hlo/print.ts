/** Prints a graph as a StableHLO module in MLIR text. Equal graphs print equal texts: the text is the cache key. */
import { worthWriting } from './materialize';
import { type TensorType, typeText } from './types';
import { type Join, type Joined } from './foreign';
import { type Region, type Value, dependencies, inOrder, insideRegion } from './value';

/** What a program is compiled from. */
export interface ProgramText {
  readonly text: string;
  /** Devices that run the program together; undefined: one. */
  readonly partitions?: number;
}

export interface Module extends ProgramText {
  /** The parameters of `main`, in order. */
  readonly parameters: readonly Value[];
}

export interface ModuleOptions {
  /** Parameters that come first, in this order, used or not; others follow as they are met. */
  readonly parameters?: readonly Value[];
  /** Values that the program does not compute: parameters like others. */
  readonly given?: ReadonlySet<Value>;
  /** Parameter index → output index whose memory it may be overwritten with (donation). */
  readonly aliases?: ReadonlyMap<number, number>;
  /** Extra argument attributes by parameter index, e.g. a sharding. */
  readonly argumentAttributes?: ReadonlyMap<number, string>;
  readonly name?: string;
  /** Devices that run the program together. Results, and arguments without an attribute, are then held by every device. */
  readonly partitions?: number;
  /** Values that would be computed anew from many arrays are written to memory once: see materialize.ts. */
  readonly writeOnce?: boolean;
  /** Joins foreign calls. */
  readonly join?: Join;
}

const REPLICATED = 'mhlo.sharding = "{replicated}"';

/** Operations of one operand type that have the short form `stablehlo.add %a, %b : tensor<…>`. */
const SHORT = new Set(
  (
    'add subtract multiply divide maximum minimum power remainder atan2 and or xor not shift_left ' +
    'shift_right_logical shift_right_arithmetic negate abs exponential exponential_minus_one log log_plus_one sqrt ' +
    'rsqrt cbrt tanh logistic sine cosine floor ceil round_nearest_even round_nearest_afz sign optimization_barrier'
  ).split(' '),
);

/** Prints the program that computes `roots`. */
export function printModule(roots: readonly Value[], options: ModuleOptions = {}): Module {
  const names = new Map<Value, string>();
  const parameters: Value[] = [];
  const addParameter = (v: Value): void => {
    if (names.has(v)) return;
    names.set(v, `%arg${parameters.length}`);
    parameters.push(v);
  };
  options.parameters?.forEach(addParameter);
  const { given = new Set(), writeOnce } = options;
  const written = writeOnce ? worthWriting(roots, given) : new Set<Value>();
  const printer = new Printer(names, addParameter, written, given, options.join);
  printer.emitAll(roots, '    ');
  const args = parameters.map((p, i) => {
    const attributes = [];
    const alias = options.aliases?.get(i);
    if (alias !== undefined) attributes.push(`tf.aliasing_output = ${alias} : i32`);
    const extra = options.argumentAttributes?.get(i) ?? (options.partitions ? REPLICATED : undefined);
    if (extra) attributes.push(extra);
    return `%arg${i}: ${typeText(p)}${attributes.length > 0 ? ` {${attributes.join(', ')}}` : ''}`;
  });
  const types = roots.map(typeText).join(', ');
  const results = options.partitions ? roots.map(r => `${typeText(r)} {${REPLICATED}}`).join(', ') : types;
  const partitions = options.partitions
    ? ` attributes {mhlo.num_partitions = ${options.partitions} : i32}`
    : '';
  const text = [
    `module @${options.name ?? 'program'}${partitions} {`,
    `  func.func public @main(${args.join(', ')}) -> (${results}) {`,
    ...printer.lines,
    `    return ${roots.map(r => names.get(r)).join(', ')}${roots.length > 0 ? ' : ' + types : ''}`,
    '  }',
    '}',
    '',
  ].join('\n');
  return { text, parameters, partitions: options.partitions };
}

class Printer {
  readonly lines: string[] = [];
  /** Calls in place of others, by the first value that they give. */
  private readonly joined = new Map<Value, Joined>();
  private count = 0;

  constructor(
    private readonly names: Map<Value, string>,
    private readonly addParameter: (v: Value) => void,
    private readonly written: ReadonlySet<Value>,
    private readonly given: ReadonlySet<Value>,
    private readonly join: Join | undefined,
  ) {}

  /** What must be emitted before a value, once calls are joined among those that `roots` need. */
  private joinedNeeds(roots: readonly Value[], only?: ReadonlySet<Value>): (v: Value) => readonly Value[] {
    const needs = (v: Value) => (this.given.has(v) ? [] : dependencies(v));
    if (!this.join) return needs;
    const values = [...(only ?? inOrder(roots, needs))].filter(v => !this.given.has(v));
    const first = new Map<Value, readonly Value[]>();
    for (const joined of this.join(values, roots)) {
      const [primary, ...others] = joined.gives;
      this.joined.set(primary, joined);
      for (const other of others) first.set(other, [primary]);
    }
    return v => this.joined.get(v)?.call.operands ?? first.get(v) ?? needs(v);
  }

  /** Emits all values that `roots` need and that have no name yet, operands first; with `only`, just those of it. */
  emitAll(roots: readonly Value[], indent: string, only?: ReadonlySet<Value>): void {
    const needsOf = this.joinedNeeds(roots, only);
    const stack: Value[] = [];
    for (const root of roots) {
      stack.push(root);
      while (stack.length > 0) {
        const v = stack[stack.length - 1];
        if (this.names.has(v)) {
          stack.pop();
          continue;
        }
        const before = stack.length;
        const needs = needsOf(v);
        for (let i = needs.length - 1; i >= 0; i--) {
          if (!this.names.has(needs[i]) && (!only || only.has(needs[i]))) stack.push(needs[i]);
        }
        if (stack.length > before) continue;
        this.emit(v, indent);
        if (this.written.has(v)) this.emitBarrier(v, indent);
        stack.pop();
      }
    }
  }

  private emit(v: Value, indent: string): void {
    const joined = this.joined.get(v);
    if (joined) {
      this.emit(joined.call, indent);
      const name = this.name(joined.call);
      return joined.gives.forEach((given, i) => this.names.set(given, `${name}#${i}`));
    }
    if (v.op === 'parameter' || this.given.has(v)) return this.addParameter(v);
    if (v.op === 'boundary') return void this.names.set(v, this.name(v.operands[0]));
    if (v.op === 'result') {
      this.names.set(v, `${this.name(v.operands[0])}#${v.attrs.index}`);
      return;
    }
    const name = `%${this.count++}`;
    this.names.set(v, name);
    const operands = v.operands.map(o => this.name(o)).join(', ');
    const type = typeText(v);
    if (v.op === 'constant') {
      this.lines.push(`${indent}${name} = stablehlo.constant dense<${v.attrs.value}> : ${type}`);
    } else if (SHORT.has(v.op) && v.operands[0].dtype === v.dtype) {
      this.lines.push(`${indent}${name} = stablehlo.${v.op} ${operands} : ${type}`);
    } else {
      const results: readonly TensorType[] = v.results ?? [v];
      const attributes = Object.entries(v.attrs).map(([key, value]) => `${key} = ${value}`);
      const head = `${indent}${name}${results.length > 1 ? `:${results.length}` : ''} = "stablehlo.${v.op}"(${operands})`;
      const signature = `(${v.operands.map(typeText).join(', ')}) -> ${
        results.length === 1 ? typeText(results[0]) : `(${results.map(typeText).join(', ')})`
      }`;
      const attrs = attributes.length > 0 ? ` <{${attributes.join(', ')}}>` : '';
      if (v.regions.length === 0) {
        this.lines.push(`${head}${attrs} : ${signature}`);
      } else {
        this.lines.push(`${head}${attrs} ({`);
        v.regions.forEach((region, i) => {
          if (i > 0) this.lines.push(`${indent}}, {`);
          this.emitRegion(region, indent + '  ');
        });
        this.lines.push(`${indent}}) : ${signature}`);
      }
    }
  }

  /** Uses of `v` from here on see it behind a barrier that no fusion crosses. */
  private emitBarrier(v: Value, indent: string): void {
    const name = `%${this.count++}`;
    this.lines.push(`${indent}${name} = stablehlo.optimization_barrier ${this.name(v)} : ${typeText(v)}`);
    this.names.set(v, name);
  }

  private emitRegion(region: Region, indent: string): void {
    const args = region.parameters.map(p => {
      const name = `%${this.count++}`;
      this.names.set(p, name);
      return `${name}: ${typeText(p)}`;
    });
    this.lines.push(`${indent}^bb0(${args.join(', ')}):`);
    this.emitAll(region.results, indent + '  ', insideRegion(region));
    this.lines.push(
      `${indent}  "stablehlo.return"(${region.results.map(r => this.name(r)).join(', ')}) : (${region.results
        .map(typeText)
        .join(', ')}) -> ()`,
    );
  }

  private name(v: Value): string {
    const name = this.names.get(v);
    if (name === undefined) throw new Error(`value ${v.op} (${typeText(v)}) is used outside of its region`);
    return name;
  }
}
