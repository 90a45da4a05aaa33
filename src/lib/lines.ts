/** A line without its break; `text` is null when it is longer than allowed or not UTF-8. */
export type Line = { number: number; text: string | null }

const LINE_FEED = 0x0a

/**
 * Splits a stream of bytes into lines, holding one line at a time whatever its length.
 * @param maxBytes of one line; a longer one is dropped as it comes in
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number
): AsyncGenerator<Line> {
  let number = 0
  let parts: Uint8Array[] = []
  let size = 0

  function keep(part: Uint8Array): void {
    size += part.length
    if (size > maxBytes) parts = []
    else if (part.length > 0) parts.push(part)
  }

  function finish(): Line {
    number += 1
    const text = size > maxBytes ? null : decode(Buffer.concat(parts))
    parts = []
    size = 0
    return { number, text }
  }

  for await (const chunk of chunks) {
    let from = 0
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, from)
      if (end === -1) break
      keep(chunk.subarray(from, end))
      yield finish()
      from = end + 1
    }
    keep(chunk.subarray(from))
  }
  if (size > 0) yield finish()
}

function decode(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}
