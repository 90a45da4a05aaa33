import { createAudit } from '../src/audit/record.ts'
import { createRecoveryStore } from '../src/ops/recovery-store.ts'
import { openKeys } from '../src/signing/room.ts'
import { readCommandLine } from './support/command-line.ts'
import { isMeant } from './support/confirm.ts'
import { runScript } from './support/run-script.ts'

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

const QUESTION = 'This logs everybody out.'

if (line !== null && (await isMeant(QUESTION, line.values.yes))) {
  await runScript(async (platform, config) => {
    const { postgres, sealer, clock } = platform
    const record = createAudit({ sealer, clock })
    const { keyRing, rotation } = await openKeys(platform, config, record)
    const origin = { requestId: 'npm run recover', address: 'operator' }
    // No server runs: nobody has to read the new keys before they sign.
    const replaced = await rotation.replaceAll(keyRing.algorithms, 0, {
      reason: 'recovery',
      origin
    })
    const ended = await createRecoveryStore({ postgres, record }).endEverything()
    const kids = replaced.map(({ active }) => active).join(', ')
    console.log(
      `Recovered: ${ended.sessions} session(s) ended, ${ended.mailTokens} mail token(s) killed, ` +
        `${ended.mails} unsent mail(s) dropped, signing with ${kids} from now on.`
    )
  })
}
