import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { endQuietlyWithTheReader } from './quiet-pipe.ts'
import { ScriptError } from './run-script.ts'

export type CommandLineRules<T extends ParseArgsOptionsConfig> = {
  /** Told by --help, and after every sentence about what is wrong. */
  usage: string
  options: T
  /**
   * What each command takes after its name, such as `{ create: ['NAME'] }`; the last may be `ROLE…`, one
   * or more. A command of two words is one key. `''` is the script itself, where it has no commands.
   */
  commands: Record<string, string[]>
}

type Parsed<T extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: T; allowPositionals: true }>
>['values']

export type CommandLine<T extends ParseArgsOptionsConfig> = {
  /** Key of `commands`. */
  command: string
  operands: string[]
  values: Parsed<T>
}

/**
 * What was typed, checked before anything is opened.
 * @returns null when there is nothing more to do: the usage was asked for, or a mistake was told with it
 *   and the process will end with 1
 */
export function readCommandLine<T extends ParseArgsOptionsConfig>(
  rules: CommandLineRules<T>
): CommandLine<T> | null {
  endQuietlyWithTheReader()
  const { usage } = rules
  const words = process.argv.slice(2)
  if (words.includes('--help') || (words.length === 0 && !('' in rules.commands))) {
    console.log(usage)
    return null
  }
  try {
    return parse(rules)
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error
    console.error(`${error.message}\n\n${usage}`)
    process.exitCode = 1
    return null
  }
}

/** @throws {ScriptError} a sentence about what nobody knows, what is missing or too much */
function parse<T extends ParseArgsOptionsConfig>(rules: CommandLineRules<T>): CommandLine<T> {
  const { options, commands } = rules
  const { positionals, values } = parseOptions(options)
  const command = commandOf(positionals, Object.keys(commands))
  const operands = positionals.slice(command === '' ? 0 : command.split(' ').length)
  const refusal = countProblem(commands[command] ?? [], operands.length)
  if (refusal === null) return { command, operands, values }
  throw new ScriptError(`${command === '' ? 'This command' : `"${command}"`} ${refusal}`)
}

/** Repeats no word: it may be a password that was typed by mistake. */
function countProblem(names: string[], count: number): string | null {
  const missing = names.slice(count)
  if (missing.length > 0) return `needs ${missing.join(' and ')}.`
  if (count === names.length || names.at(-1)?.endsWith('…') === true) return null
  return names.length === 0
    ? 'takes no words after it, options alone.'
    : `takes ${names.join(' and ')}, not ${count} words: put what holds a space in quotes, such as "Shop Two".`
}

function parseOptions<T extends ParseArgsOptionsConfig>(options: T) {
  try {
    return parseArgs({ allowPositionals: true, options })
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    if (!code.startsWith('ERR_PARSE_ARGS')) throw error
    // Node goes on about positionals that begin with a dash.
    throw new ScriptError(message.split(/\.\s/)[0]?.replace(/\.?$/, '.') ?? message)
  }
}

function commandOf(words: string[], names: string[]): string {
  const known = names.find(
    (name) => name !== '' && words.join(' ').concat(' ').startsWith(`${name} `)
  )
  if (known !== undefined) return known
  if (names.includes('')) return ''
  const isBegun = names.some((name) => name.startsWith(`${words[0] ?? ''} `))
  const typed = words.slice(0, isBegun ? 2 : 1).join(' ')
  throw new ScriptError(typed === '' ? 'Say which command.' : `There is no command "${typed}".`)
}
