/**
 * The messages of TensorBoard's event files; field numbers are those of tensorflow/core/util/event.proto,
 * framework/summary.proto and framework/tensor.proto.
 */
import { delimited, double, type Field, float, integer } from './protobuf';

const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 };
const VALUE = { tag: 1, simpleValue: 2, image: 4, tensor: 8, metadata: 9 };
const DT_STRING = 7;
const SESSION_START = 1;

/** A picture in a summary. */
export interface EncodedImage {
  /** Pixels. */
  width: number;
  height: number;
  png: Uint8Array;
}

/** @param seconds since 1970 */
function event(seconds: number, step: number, content: Field): Buffer {
  return Buffer.concat([double(EVENT.wallTime, seconds), integer(EVENT.step, step), content]);
}

const summary = (...values: Field[][]): Field =>
  delimited(
    EVENT.summary,
    values.map(value => delimited(1, value)),
  );

/** The first event of every file. */
export function versionEvent(seconds: number): Buffer {
  return event(seconds, 0, delimited(EVENT.fileVersion, 'brain.Event:2'));
}

/** Tells TensorBoard that a run begins anew at `step`: what older files hold from there on is no longer shown. */
export function restartEvent(seconds: number, step: number): Buffer {
  return event(seconds, step, delimited(EVENT.sessionLog, [integer(1, SESSION_START)]));
}

/** One number a tag. */
export function scalarsEvent(
  seconds: number,
  step: number,
  scalars: Readonly<Record<string, number>>,
): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) => [
    delimited(VALUE.tag, tag),
    float(VALUE.simpleValue, value),
  ]);
  return event(seconds, step, summary(...values));
}

/** Text, shown as Markdown. */
export function textEvent(seconds: number, step: number, tag: string, markdown: string): Buffer {
  const metadata = [delimited(1, [delimited(1, 'text')])];
  const tensor = [integer(1, DT_STRING), delimited(2, []), delimited(8, markdown)];
  const value = [
    delimited(VALUE.tag, tag),
    delimited(VALUE.tensor, tensor),
    delimited(VALUE.metadata, metadata),
  ];
  return event(seconds, step, summary(value));
}

/** A picture. */
export function imageEvent(seconds: number, step: number, tag: string, image: EncodedImage): Buffer {
  const RGB = 3;
  const content = [
    integer(1, image.height),
    integer(2, image.width),
    integer(3, RGB),
    delimited(4, image.png),
  ];
  return event(seconds, step, summary([delimited(VALUE.tag, tag), delimited(VALUE.image, content)]));
}
