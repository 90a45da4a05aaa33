import { readFile } from 'node:fs/promises'
import { createAudit } from '../src/audit/record.ts'
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../src/signing/algorithm.ts'
import { viewKey, viewRings } from '../src/signing/overview.ts'
import { openKeys } from '../src/signing/room.ts'
import { AT_ONCE, EMERGENCY_NOTICE_SECONDS } from '../src/signing/timeline.ts'
import { printEmergency, printKeys, printRotation } from './keys/print.ts'
import { runDrill } from './keys/drill.ts'
import {
  DATA_KEY_COMMANDS,
  DATA_KEY_USAGE,
  printDataKeys,
  rotateDataKeys
} from './keys/data-keys.ts'
import { readCommandLine } from './support/command-line.ts'
import { isMeant } from './support/confirm.ts'
import { runScript, ScriptError } from './support/run-script.ts'

const USAGE = `The signing keys and the data keys.

  npm run keys -- list                what each key is for now, its dates, and when the next rotation comes
  npm run keys -- rotate              start a rotation now: the reserve signs as soon as every verifier can know it
  npm run keys -- rotate --emergency  drop every key at once; says what stops working and until when.
                                      At a terminal it asks first, unless --yes is given
  npm run keys -- import FILE [--now] add a private key (PEM, as openssl writes it: RSA, EC P-256 or Ed25519)
  npm run keys -- export              the published keys, as a JWK set
  npm run keys -- drill [--emergency] a whole rotation on a throw-away copy in a minute, with a verifier attached;
                                      ends with 1 if a single token was refused

--algorithm RS256, ES256 or EdDSA keeps rotate to one ring. --json is for programs.

An imported key is published at once and signs as soon as every verifier can know it; with --now it
signs at once, which is right before the first token is issued.
${DATA_KEY_USAGE}`

const flag = { type: 'boolean', default: false } as const
const line = readCommandLine({
  usage: USAGE,
  options: {
    now: flag,
    emergency: flag,
    yes: flag,
    json: flag,
    algorithm: { type: 'string' },
    help: flag
  },
  commands: { list: [], import: ['FILE'], rotate: [], export: [], drill: [], ...DATA_KEY_COMMANDS }
})

const EMERGENCY = 'This drops the signing keys: every access token that is out is refused.'
const origin = { requestId: 'npm run keys', address: 'operator' }

if (line?.command === 'drill') {
  process.exitCode = await runDrill({ isEmergency: line.values.emergency, json: line.values.json })
} else if (
  line !== null &&
  (!line.values.emergency || (await isMeant(EMERGENCY, line.values.yes)))
) {
  const { command, operands, values } = line
  await runScript(async (platform, config) => {
    const { clock, sealer } = platform
    const record = createAudit({ sealer, clock })
    const { keyRing, rotation, findAll } = await openKeys(platform, config, record)
    const say = (text: string, forPrograms: object) => {
      console.log(values.json ? JSON.stringify(forPrograms, null, 2) : text)
    }
    switch (command) {
      case 'rotate-data':
        await rotateDataKeys(platform, config, operands[0] ?? '')
        await printDataKeys(platform, config)
        return
      case 'rotate': {
        const rings = ringsOf(values.algorithm, keyRing.algorithms)
        if (values.emergency) {
          const act = { reason: 'emergency' as const, origin }
          const dropped = values.algorithm === undefined ? 'all' : rings
          const replaced = await rotation.replaceAll(dropped, EMERGENCY_NOTICE_SECONDS, act)
          say(printEmergency(replaced), replaced)
        } else {
          const outcomes = await rotation.rotate(rings, origin)
          await clock.sync()
          say(outcomes.map((one) => printRotation(one, clock.now())).join('\n'), outcomes)
        }
        return
      }
      case 'export':
        console.log(JSON.stringify(JSON.parse(keyRing.jwks().body), null, 2))
        return
      case 'import': {
        const pem = await readPem(operands[0] ?? '')
        const kid = await rotation.importKey(pem, origin, values.now ? AT_ONCE : undefined)
        if (!values.json) console.log(`Imported ${kid}.\n`)
      }
    }
    const now = clock.now()
    const rows = await findAll()
    const keys = rows.map((row) => viewKey(row, now))
    const rings = viewRings(rows, keyRing.algorithms, now, rotation.rules)
    say(printKeys(keys, rings, now), { now, keys, rings })
    if (!values.json) {
      console.log('')
      await printDataKeys(platform, config)
    }
  })
}

/** @throws {ScriptError} for one that is not configured */
function ringsOf(
  asked: string | undefined,
  configured: readonly SigningAlgorithm[]
): readonly SigningAlgorithm[] {
  if (asked === undefined) return configured
  const ring = SIGNING_ALGORITHMS.find((alg) => alg === asked)
  if (ring !== undefined && configured.includes(ring)) return [ring]
  throw new ScriptError(`--algorithm takes one of SIGNING_ALGORITHMS: ${configured.join(', ')}.`)
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
