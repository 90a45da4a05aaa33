import { styleText } from 'node:util'

export type Guide = ReturnType<typeof createGuide>

const MARGIN = '    '

/** Tells the tour: a title for each step, what happens in it, and how it ended. Colours are the terminal's choice. */
export function createGuide(write: (line: string) => void) {
  const startedAt = performance.now()
  let count = 0
  let title: string | undefined

  /** One step, told before it is taken. */
  async function step<T>(name: string, take: () => Promise<T>): Promise<T> {
    count += 1
    title = name
    write(`\n${styleText('bold', `${String(count).padStart(2)}  ${name}`)}`)
    return take()
  }

  /** What was sent, what came, or a word about it. */
  function note(mark: '>' | '<' | ' ', text: string): void {
    const [first = '', ...rest] = text.split('\n')
    const lines = [`${MARGIN}${mark} ${first}`, ...rest.map((line) => `${MARGIN}  ${line}`)]
    for (const line of lines) write(mark === '<' ? line : styleText('cyan', line))
  }

  function close(): void {
    const ms = Math.round(performance.now() - startedAt)
    write(styleText('green', `\n${count} steps in ${ms} ms, every one as it should be.`))
  }

  function fail(sentence: string): void {
    const where = title === undefined ? '' : `Step ${count}, ${title}: `
    write(styleText('red', `\n${where}${sentence}`))
  }

  return { step, note, close, fail }
}
