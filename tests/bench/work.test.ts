/** What is read from the text of a compiled program. */
import { workOf } from '../../scripts/gpu/work';

const PROGRAM = `HloModule step, is_scheduled=true

%fused_add (param_0: f32[2,3]) -> f32[2,3] {
  %param_0 = f32[2,3]{1,0} parameter(0)
  ROOT %copy.9 = f32[2,3]{1,0} copy(%param_0)
}

ENTRY %main (a: f32[10,10], b: bf16[10,10]) -> (f32[10,10]) {
  %a = f32[10,10]{1,0} parameter(0)
  %b = bf16[10,10]{1,0} parameter(1)
  %one = f32[] constant(1)
  %fusion.1 = f32[10,10]{1,0} fusion(%a, f32[] %one), kind=kLoop, calls=%fused_add
  %conv = (f32[10,10]{1,0}, u8[16]{0}) custom-call(%fusion.1, %b), custom_call_target="__cudnn$convForward"
  %first = f32[10,10]{1,0} get-tuple-element(%conv), index=0
  %copy.2 = f32[10,10]{0,1} copy(%first)
  ROOT %tuple = (f32[10,10]{0,1}) tuple(%copy.2)
}
`;

test('launches, convolutions and megabytes of the entry computation', () => {
  const { movedMB, ...counts } = workOf(PROGRAM);
  expect(counts).toEqual({ launches: 3, convolutions: 1 });
  expect(movedMB * 1e6).toBeCloseTo(400 + 4 + 400 + (400 + 200 + 400 + 16) + (400 + 400));
});
