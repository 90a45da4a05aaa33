import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './compose-file.ts'

export type Instruction = { name: string; text: string }
export type Stage = { name: string; base: string; instructions: Instruction[] }
export type Copy = { from: string | undefined; sources: string[]; target: string }

/** The stages of the Dockerfile, in order; the last one is the image. */
export function readStages(): Stage[] {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  const stages: Stage[] = []
  for (const { name, text: rest } of instructionsOf(text)) {
    if (name === 'FROM') {
      const [base = '', , alias = ''] = rest.split(/\s+/)
      stages.push({ name: alias, base, instructions: [] })
    } else stages.at(-1)?.instructions.push({ name, text: rest })
  }
  return stages
}

function instructionsOf(text: string): Instruction[] {
  return text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line.trim()) ?? []
      return { name: name.toUpperCase(), text: rest }
    })
}

/** The image that a stage comes from in the end. */
export function originOf(stage: Stage, stages: Stage[]): string {
  const parent = stages.find(({ name }) => name === stage.base)
  return parent === undefined ? stage.base : originOf(parent, stages)
}

export function copiesOf({ instructions }: Stage): Copy[] {
  return instructions
    .filter(({ name }) => name === 'COPY')
    .map(({ text }) => {
      const words = text.split(/\s+/)
      const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length)
      const paths = words.filter((word) => !word.startsWith('--'))
      return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' }
    })
}

/** An instruction's arguments in exec form; null in shell form, where a shell would swallow signals. */
export function execForm(text: string): string[] | null {
  const json = /(\[.*\])$/.exec(text)?.[1]
  return json === undefined ? null : (JSON.parse(json) as string[])
}

const RULES = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => ({ isKept: line.startsWith('!'), pattern: toPattern(line.replace(/^!?\/?/, '')) }))

/** What a rule names, with all that lies in it. A star stays inside its folder. */
function toPattern(rule: string): RegExp {
  const glob = rule.replace(/[.+^$()|[\]{}\\]/g, '\\$&').replaceAll('*', '[^/]*')
  return new RegExp(`^${glob}(/|$)`)
}

/** Whether .dockerignore keeps this path out of the build; the last rule that fits decides. */
export function isIgnored(path: string): boolean {
  const rule = RULES.findLast(({ pattern }) => pattern.test(path))
  return rule !== undefined && !rule.isKept
}
