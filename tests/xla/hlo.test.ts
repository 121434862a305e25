import * as hlo from '../../src/xla/hlo';

const parameter = (dtype: hlo.DType, ...shape: number[]) =>
  hlo.parameter({ dtype, shape }, { free: () => undefined });

describe('printed programs', () => {
  test('operations are printed once, operands first, and equal graphs print equal texts', () => {
    const program = () => {
      const x = parameter('f32', 2, 3);
      const y = hlo.mul(x, x);
      return hlo.printModule([hlo.add(y, y), hlo.sum(y, [1])], { name: 'square' }).text;
    };
    expect(program()).toBe(program());
    expect(program()).toMatchInlineSnapshot(`
     "module @square {
       func.func public @main(%arg0: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2xf32>) {
         %0 = stablehlo.multiply %arg0, %arg0 : tensor<2x3xf32>
         %1 = stablehlo.add %0, %0 : tensor<2x3xf32>
         %2 = stablehlo.constant dense<0.0> : tensor<f32>
         %3 = "stablehlo.reduce"(%0, %2) <{dimensions = array<i64: 1>}> ({
           ^bb0(%4: tensor<f32>, %5: tensor<f32>):
             %6 = stablehlo.add %4, %5 : tensor<f32>
             "stablehlo.return"(%6) : (tensor<f32>) -> ()
         }) : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
         return %1, %3 : tensor<2x3xf32>, tensor<2xf32>
       }
     }
     "
    `);
  });

  test('a loop: values from outside stay outside, the state comes in as block arguments', () => {
    const limit = parameter('s32');
    const [i, sum] = hlo.whileLoop(
      [hlo.scalar(0, 's32'), hlo.scalar(0)],
      ([n]) => hlo.compare(n, limit, 'LT'),
      ([n, total]) => [hlo.add(n, hlo.scalar(1, 's32')), hlo.add(total, hlo.scalar(0.5))],
    );
    const { text, parameters } = hlo.printModule([i, sum]);
    expect(parameters).toEqual([limit]);
    expect(text).toMatchInlineSnapshot(`
     "module @program {
       func.func public @main(%arg0: tensor<i32>) -> (tensor<i32>, tensor<f32>) {
         %0 = stablehlo.constant dense<0> : tensor<i32>
         %1 = stablehlo.constant dense<0.0> : tensor<f32>
         %2 = stablehlo.constant dense<1> : tensor<i32>
         %3 = stablehlo.constant dense<5.0e-1> : tensor<f32>
         %4:2 = "stablehlo.while"(%0, %1) ({
           ^bb0(%5: tensor<i32>, %6: tensor<f32>):
             %7 = "stablehlo.compare"(%5, %arg0) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
             "stablehlo.return"(%7) : (tensor<i1>) -> ()
         }, {
           ^bb0(%8: tensor<i32>, %9: tensor<f32>):
             %10 = stablehlo.add %8, %2 : tensor<i32>
             %11 = stablehlo.add %9, %3 : tensor<f32>
             "stablehlo.return"(%10, %11) : (tensor<i32>, tensor<f32>) -> ()
         }) : (tensor<i32>, tensor<f32>) -> (tensor<i32>, tensor<f32>)
         return %4#0, %4#1 : tensor<i32>, tensor<f32>
       }
     }
     "
    `);
  });

  test('donation and the order of parameters', () => {
    const a = parameter('f32', 2);
    const b = parameter('f32', 2);
    const { text, parameters } = hlo.printModule([hlo.sub(b, a)], {
      parameters: [a, b],
      aliases: new Map([[1, 0]]),
    });
    expect(parameters).toEqual([a, b]);
    expect(text).toContain('%arg1: tensor<2xf32> {tf.aliasing_output = 0 : i32}');
    expect(text).toContain('stablehlo.subtract %arg1, %arg0');
  });

  test.each([
    ['NaN', NaN, '0x7FC00000'],
    ['infinity', Infinity, '0x7F800000'],
    ['minus zero', -0, '-0.0'],
    ['a small number', 1e-10, '1.0e-10'],
    ['a whole number', 3, '3.0'],
  ])('the literal %s', (_, value, text) => {
    expect(hlo.printModule([hlo.scalar(value)]).text).toContain(`dense<${text}>`);
  });
});

describe('shapes are inferred', () => {
  const x = parameter('f32', 4, 6);
  test.each<[string, hlo.Value, number[]]>([
    ['transpose', hlo.transpose(x, [1, 0]), [6, 4]],
    ['slice with strides', hlo.slice(x, [1, 0], [4, 6], [2, 4]), [2, 2]],
    ['pad with interior', hlo.pad(x, hlo.scalar(0), [1, 0], [0, -1], [1, 0]), [8, 5]],
    ['concatenate', hlo.concatenate([x, x], 1), [4, 12]],
    ['reduce', hlo.sum(x, [0]), [6]],
    ['dot', hlo.dotGeneral(x, x, { lhsContract: [1], rhsContract: [1] }), [4, 4]],
    [
      'convolution with stride 2, padded',
      hlo.convolution(parameter('f32', 8, 32, 32, 3), parameter('f32', 3, 3, 3, 16), {
        layout: { lhs: 'b01f', rhs: '01io', out: 'b01f' },
        strides: [2, 2],
        padding: [
          [0, 1],
          [0, 1],
        ],
      }),
      [8, 16, 16, 16],
    ],
    [
      'reduce_window',
      hlo.reduceWindow(x, hlo.scalar(0), { size: [2, 3], strides: [2, 3], padding: [[0, 0], [0, 0]] }, hlo.max), // prettier-ignore
      [2, 2],
    ],
  ])('%s', (_, value, shape) => expect(value.shape).toEqual(shape));
});

describe('wrong programs fail where they are built', () => {
  const x = parameter('f32', 2, 3);
  test.each<[string, () => hlo.Value, RegExp]>([
    ['operands of two shapes', () => hlo.add(x, parameter('f32', 3, 2)), /stablehlo\.add: tensor<2x3xf32> and tensor<3x2xf32> differ/], // prettier-ignore
    ['operands of two types', () => hlo.add(x, parameter('s32', 2, 3)), /tensor<2x3xi32> differ/],
    ['reshape to another size', () => hlo.reshape(x, [5]), /stablehlo\.reshape: tensor<2x3xf32> to \[5\]/],
    ['slice outside', () => hlo.slice(x, [0, 0], [2, 4]), /stablehlo\.slice/],
    ['broadcast of an axis that is not 1', () => hlo.broadcastTo(x, [4, 3]), /broadcast_in_dim/],
    [
      'product of unlike axes',
      () => hlo.dotGeneral(x, x, { lhsContract: [1], rhsContract: [0] }),
      /dot_general/,
    ],
    [
      'loop that changes its state’s type',
      () =>
        hlo.whileLoop(
          [x],
          () => hlo.scalar(1, 'pred'),
          ([v]) => [hlo.sum(v, [0])],
        )[0],
      /stablehlo\.while: the body turns \(tensor<2x3xf32>\) into \(tensor<3xf32>\)/,
    ],
  ])('%s', (_, build, message) => expect(build).toThrow(message));
});

describe('who holds a value', () => {
  test('a parameter is freed when the last value that needs it is released', () => {
    let freed = 0;
    const x = hlo.parameter({ dtype: 'f32', shape: [2] }, { free: () => freed++ });
    const y = hlo.exp(x);
    const z = hlo.add(y, x);
    z.retain();
    y.retain();
    z.release();
    expect(freed).toBe(0);
    y.release();
    expect(freed).toBe(1);
  });

  test('a computed value lets go of what it was computed from', () => {
    const freed: string[] = [];
    const x = hlo.parameter({ dtype: 'f32', shape: [2] }, { free: () => freed.push('x') });
    const y = hlo.exp(x);
    y.retain();
    y.bind({ free: () => freed.push('y') });
    expect(freed).toEqual(['x']);
    expect(y.op).toBe('parameter');
    y.release();
    expect(freed).toEqual(['x', 'y']);
  });
});
