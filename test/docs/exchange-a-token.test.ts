import t from 'tap'
import { claimsOf } from '../support/builders.ts'
import { openPage, startFreshServer } from '../support/page.ts'

void t.test('docs/exchange-a-token.md, followed line by line: shows what it says', async (t) => {
  const server = await startFreshServer(t)
  const block = openPage('exchange-a-token.md', { 3000: server.port })
  const [invoices = '', orders = ''] =
    (await server.shell(block('register'))).match(/lks_\S+/g) ?? []
  const called = JSON.parse(await server.shell(block('called').replace('lks_…', invoices)))
  t.match(called, { token_type: 'Bearer', scope: 'orders:read stock:read' })
  const trade = block('trade').replace('lks_…', orders).replace('eyJ…', called.access_token)
  const traded = JSON.parse(await server.shell(trade))
  t.match(traded, {
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
    scope: 'stock:read'
  })
  t.ok(traded.expires_in <= 600)
  const claims = claimsOf(traded.access_token)
  t.match(claims, { sub: 'invoices', aud: 'https://stock.example', act: { sub: 'orders' } })
  t.ok(Number(claims['exp']) <= Number(claimsOf(called.access_token)['exp']))
  const elsewhere = trade.replaceAll('https://stock.example', 'https://bank.example')
  t.equal(JSON.parse(await server.shell(elsewhere)).error, 'invalid_target')
})
