import t from 'tap'
import { createOutbound, OutboundError } from '../../src/platform/outbound.ts'
import type { Address } from '../../src/platform/outbound/public-address.ts'

/** What the guard says to a URL; every name has these addresses. */
async function verdict(
  url: string,
  { addresses = ['8.8.8.8'], allowedHosts = [] as string[], production = true } = {}
): Promise<string> {
  const resolve = () => Promise.resolve(addresses.map(asAddress))
  const { check } = createOutbound({ allowedHosts, production, resolve })
  return check(url).then(
    () => 'allowed',
    (error: unknown) => (error instanceof OutboundError ? error.reason : String(error))
  )
}

const asAddress = (address: string): Address => ({
  address,
  family: address.includes(':') ? 6 : 4
})

void t.test('a public https URL, checked: allowed', async (t) => {
  for (const url of [
    'https://hooks.example.com/a?b#c',
    'https://8.8.8.8/',
    'HTTPS://EXAMPLE.com'
  ]) {
    t.equal(await verdict(url), 'allowed', url)
  }
})

void t.test('a URL that is not plain https on 443, checked: refused_url', async (t) => {
  for (const url of [
    ...['', 'nothing', 'https://', '//example.com', 'https://a b', 'https://[fe80::1%25eth0]/'],
    ...['http://example.com', 'ftp://example.com', 'file:///etc/passwd', 'gopher://example.com'],
    ...['https://user@example.com', 'https://user:pw@example.com', 'https://:pw@example.com'],
    ...['https://example.com:8443', 'https://example.com:22', 'https://example.com:80'],
    ...['http://127.0.0.1', 'http://localhost:3000', 'unix:///run/docker.sock', 'data:,x']
  ]) {
    t.equal(await verdict(url), 'refused_url', url)
  }
})

void t.test(
  'an address in any spelling that is not public, checked: refused_address',
  async (t) => {
    for (const host of [
      ...['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '017700000001'],
      ...['127.0.0.1.', '①②⑦.0.0.1', '127。0。0。1', '0', '169.254.169.254', '0xa9fea9fe'],
      ...['10.0.0.1', '192.168.1.1', '100.100.100.200', '[::1]', '[::]', '[::ffff:127.0.0.1]'],
      ...['[::ffff:7f00:1]', '[0:0:0:0:0:ffff:a9fe:a9fe]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]'],
      ...['[fd00:ec2::254]', '[fe80::1]', '[ff02::1]', '[2001:db8::1]', '[::127.0.0.1]']
    ]) {
      t.equal(await verdict(`https://${host}/`), 'refused_address', host)
    }
  }
)

void t.test('a name with one address that is not public, checked: refused_address', async (t) => {
  const url = 'https://hooks.example.com'
  t.equal(await verdict(url, { addresses: ['10.0.0.1'] }), 'refused_address')
  t.equal(await verdict(url, { addresses: ['8.8.8.8', '10.0.0.1'] }), 'refused_address')
  t.equal(await verdict(url, { addresses: ['8.8.8.8', '::1'] }), 'refused_address')
  t.equal(await verdict(url, { addresses: ['fe80::1%eth0'] }), 'refused_address')
  t.equal(await verdict('https://localhost', { addresses: ['127.0.0.1'] }), 'refused_address')
  t.equal(await verdict(url, { addresses: [] }), 'unreachable')
})

void t.test('a listed host:port, at a private address: allowed, and no other port', async (t) => {
  const allowedHosts = ['Hooks.Internal:8443', '10.0.0.7:443', '[fd00::7]:9000']
  const rules = { allowedHosts, addresses: ['10.0.0.5'] }
  t.equal(await verdict('https://hooks.internal:8443/', rules), 'allowed')
  t.equal(await verdict('https://HOOKS.internal:8443/x', rules), 'allowed')
  t.equal(await verdict('https://10.0.0.7/', rules), 'allowed')
  t.equal(await verdict('https://[fd00:0::7]:9000/', rules), 'allowed')
  t.equal(await verdict('https://hooks.internal/', rules), 'refused_address')
  t.equal(await verdict('https://hooks.internal:8444/', rules), 'refused_url')
  t.equal(await verdict('https://hooks.internal.:8443/', rules), 'refused_url')
  t.equal(await verdict('https://u@hooks.internal:8443/', rules), 'refused_url')
  t.equal(await verdict('https://a.hooks.internal:8443/', rules), 'refused_url')
})

void t.test('plain http, to a listed host: on loopback outside production only', async (t) => {
  const rules = { allowedHosts: ['127.0.0.1:8080', 'hooks.internal:80'], production: false }
  const local = 'http://127.0.0.1:8080/'
  t.equal(await verdict(local, rules), 'allowed')
  t.equal(await verdict(local, { ...rules, production: true }), 'refused_url')
  t.equal(await verdict('http://127.0.0.1:8081/', rules), 'refused_url')
  const name = 'http://hooks.internal/'
  t.equal(await verdict(name, { ...rules, addresses: ['127.0.0.1', '::1'] }), 'allowed')
  t.equal(
    await verdict(name, { ...rules, addresses: ['127.0.0.1', '10.0.0.1'] }),
    'refused_address'
  )
  t.equal(await verdict(name, { ...rules, addresses: ['8.8.8.8'] }), 'refused_address')
})
