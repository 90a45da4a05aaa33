import { createInterface } from 'node:readline/promises'

/** Asks whoever sits at a terminal; a program meant what it called. */
export async function isMeant(question: string, saysYes: boolean): Promise<boolean> {
  if (saysYes || !process.stdin.isTTY) return true
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await terminal.question(`${question} Go on? [y/N] `)
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}
