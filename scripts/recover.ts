import { createInterface } from 'node:readline/promises'
import { createAudit } from '../src/audit/record.ts'
import { createRecoveryStore } from '../src/ops/recovery-store.ts'
import { generateRsaKey } from '../src/signing/jwk.ts'
import { sealSigningKey } from '../src/signing/key-ring.ts'
import { createSigningKeyStore } from '../src/signing/store.ts'
import { AT_ONCE } from '../src/signing/timeline.ts'
import { readCommandLine } from './support/command-line.ts'
import { runScript, ScriptError } from './support/run-script.ts'

const USAGE = `After a restore from backup, before the servers take requests again:

  npm run recover [-- --yes]

ends every session, kills every mail token and unsent mail, and replaces the signing keys: what the
backup holds may have been ended, spent or sent since. Accounts and passwords stay. May be repeated.
At a terminal it asks first, unless --yes is given.`

const line = readCommandLine({
  usage: USAGE,
  options: { yes: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  commands: { '': [] }
})

if (line !== null && (await isMeant(line.values.yes))) {
  await runScript(async ({ postgres, sealer, clock }) => {
    const key = await sealSigningKey(await generateRsaKey(), sealer)
    if (!(await createSigningKeyStore(postgres).add(key, AT_ONCE))) {
      throw new ScriptError('The new signing key exists already. Run it again.')
    }
    const record = createAudit({ sealer, clock })
    const ended = await createRecoveryStore({ postgres, record }).endEverything()
    console.log(
      `Recovered: ${ended.sessions} session(s) ended, ${ended.mailTokens} mail token(s) killed, ` +
        `${ended.mails} unsent mail(s) dropped, signing with ${key.kid} from now on.`
    )
  })
}

async function isMeant(saysYes: boolean): Promise<boolean> {
  if (saysYes || !process.stdin.isTTY) return true
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await terminal.question('This logs everybody out. Go on? [y/N] ')
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}
