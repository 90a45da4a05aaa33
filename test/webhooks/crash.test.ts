import t from 'tap'
import { startApp } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { startServer } from '../support/server.ts'
import {
  deliveries,
  givenWebhook,
  OK,
  record,
  startReceiver,
  startTellingApp,
  told,
  verified
} from '../support/webhooks.ts'

void t.test('a server that dies while it delivers: another one delivers, the same', async (t) => {
  const receiver = await startReceiver(t, () => undefined)
  const { app, admin } = await startTellingApp(t, [receiver])
  const { id, secret } = await givenWebhook(t, admin, receiver.url, 'login.failed')
  await app.app.close()
  const { ISSUER, ...env } = app.env
  const server = await startServer(t, env)
  await record(app, 'login.failed')
  await told(receiver, 1)
  await server.kill('SIGKILL')
  receiver.become(OK)
  const heir = await startApp(t, app.env)
  t.match(await deliveries(heir, id), [{ isSent: false, attempts: 1 }], 'the dead one still has it')
  await heir.moveTime(31)
  const [first, second] = await told(receiver, 2)
  t.strictSame(verified(secret, second!), verified(secret, first!))
  t.equal(second!.headers['webhook-id'], first!.headers['webhook-id'])
  await eventually('sent', async () => (await deliveries(heir, id))[0]?.isSent)
})
