import { readFile } from 'node:fs/promises'
import { importKey } from '../src/signing/import-key.ts'
import { openKeyRing, phaseOf, type RingKey } from '../src/signing/key-ring.ts'
import { createSigningKeyStore } from '../src/signing/store.ts'
import { AT_ONCE, rotationTimeline } from '../src/signing/timeline.ts'
import { readCommandLine } from './support/command-line.ts'
import { runScript, ScriptError } from './support/run-script.ts'

const USAGE = `The signing keys.

  npm run keys -- list                   what each key is for now, with its dates
  npm run keys -- import FILE [--now]    add a private RSA key (PEM, as openssl genrsa writes it)

An imported key is published at once and signs as soon as every verifier can know it; with --now it
signs at once, which is right before the first token is issued.`

const line = readCommandLine({
  usage: USAGE,
  options: { now: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  commands: { list: [], import: ['FILE'] }
})

if (line !== null) {
  const { command, operands, values } = line
  await runScript(async ({ postgres, sealer, clock }, config) => {
    const store = createSigningKeyStore(postgres)
    const ring = await openKeyRing({ store, sealer, clock })
    if (command === 'import') {
      const timeline = values.now ? AT_ONCE : rotationTimeline(config.accessTokenTtlSeconds)
      const kid = await importKey({ store, sealer }, await readPem(operands[0] ?? ''), timeline)
      await ring.reload()
      console.log(`Imported ${kid}.\n`)
    }
    printKeys(ring.all(), clock.now())
  })
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new ScriptError(
      `Cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`
    )
  }
}

function printKeys(keys: RingKey[], now: Date): void {
  const rows = keys.map((key) => ({
    kid: key.kid,
    alg: key.alg,
    is: phaseOf(key, now),
    announced: date(key.announcedAt),
    'signs from': date(key.activeAt),
    'signs until': date(key.retiringAt),
    'published until': date(key.goneAt)
  }))
  const columns = Object.keys(rows[0] ?? {}) as (keyof (typeof rows)[number])[]
  const width = (column: keyof (typeof rows)[number]) =>
    Math.max(column.length, ...rows.map((row) => row[column].length))
  const line = (cell: (column: keyof (typeof rows)[number]) => string) =>
    columns
      .map((column) => cell(column).padEnd(width(column)))
      .join('  ')
      .trimEnd()
  console.log(
    [line((column) => column), ...rows.map((row) => line((column) => row[column]))].join('\n')
  )
}

function date(at: Date | null): string {
  return at === null ? '–' : at.toISOString().replace('T', ' ').slice(0, 16)
}
