import { failure } from '../../../src/xla/pjrt/failure';

test.each([
  ['Client_BufferFromHostBuffer', 8, 'Out of memory allocating 1234 bytes.', 'memory', 'Use a smaller batch'],
  ['Event_Await', 13, 'CUDA_ERROR_OUT_OF_MEMORY: out of memory', 'memory', 'out of memory'],
  ['Event_Await', 13, 'CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access', 'device', 'last checkpoint'],
  ['LoadedExecutable_Execute', 14, 'GPU has fallen off the bus; device lost', 'device', 'Start the process'],
  [
    'Client_Compile',
    3,
    'launch failure is a word of the program',
    'other',
    'PJRT_Client_Compile: launch failure',
  ],
  ['Client_Compile', 99, 'new code', 'other', 'new code'],
])('PJRT_%s, code %i, "%s" is of kind %s', (name, code, said, kind, text) => {
  const error = failure(name, code, said);
  expect(error.kind).toBe(kind);
  expect(error.message).toContain(text);
  expect(error.message).toContain(said);
});
