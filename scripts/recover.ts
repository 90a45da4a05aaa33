import { hostsOf } from '../src/lib/postgres-hosts.ts'
import { amount } from '../src/ops/doctor/finding.ts'
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
It says which database that is. At a terminal it asks first, unless --yes is given; without a terminal it acts at once.`

const line = readCommandLine({
  usage: USAGE,
  options: { yes: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  commands: { '': [] }
})

if (line !== null) {
  await runScript(async (platform, config) => {
    console.log(`The database is ${nameOf(config.databaseUrl)}.`)
    const question = 'Everybody who is logged in to it is logged out.'
    if (!(await isMeant(question, line.values.yes))) return
    const { postgres, sealer, clock } = platform
    const record = createAudit({ sealer, clock })
    const { rotation } = await openKeys(platform, config, record)
    const origin = { requestId: 'npm run recover', address: 'operator' }
    // No server runs: nobody has to read the new keys before they sign.
    const replaced = await rotation.replaceAll('all', 0, {
      reason: 'recovery',
      origin
    })
    const ended = await createRecoveryStore({ postgres, record }).endEverything()
    const kids = replaced.flatMap(({ active }) => active ?? []).join(', ')
    console.log(
      `Recovered: ${amount(ended.sessions, 'session')} ended, ` +
        `${amount(ended.mailTokens, 'mail token')} killed, ` +
        `${amount(ended.mails, 'unsent mail')} dropped, signing with ${kids} from now on.`
    )
  })
}

/** Where it lies, as people say it, and none of the URL's secrets. */
function nameOf(databaseUrl: string): string {
  const urls = hostsOf(databaseUrl).map((url) => new URL(url))
  const hosts = urls.map(({ host, searchParams }) => host || (searchParams.get('host') ?? ''))
  return `"${decodeURIComponent(urls[0]?.pathname.slice(1) ?? '')}" at ${hosts.join(', ')}`
}
