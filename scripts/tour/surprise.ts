/** The tour saw something that it did not expect. The message is for the person who runs it. */
export class Surprise extends Error {
  override readonly name = 'Surprise'
}

/** @throws {Surprise} with `sentence` unless it is so */
export function expect(isSo: boolean, sentence: string): asserts isSo {
  if (!isSo) throw new Surprise(sentence)
}
