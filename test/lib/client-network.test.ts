import t from 'tap'
import { clientNetwork } from '../../src/lib/client-network.ts'

void t.test('addresses of one line, spelt as they come: one network', (t) => {
  for (const [network, ...addresses] of [
    ['203.0.113.7', '203.0.113.7', '::ffff:203.0.113.7', '::FFFF:203.0.113.7'],
    ['2001:db8:1:2::/64', '2001:db8:1:2::1', '2001:0db8:0001:0002:ffff:0:0:1', '2001:DB8:1:2:3::'],
    ['2001:db8:0:0::/64', '2001:db8::', '2001:db8::1', '2001:db8:0:0:1:2:3:4'],
    ['0:0:0:0::/64', '::1', '::'],
    ['fe80:0:0:0::/64', 'fe80::1%eth0', 'fe80::2']
  ]) {
    for (const address of addresses) t.equal(clientNetwork(address), network, address)
  }
  t.not(clientNetwork('2001:db8:1:3::1'), clientNetwork('2001:db8:1:2::1'))
  t.not(clientNetwork('203.0.113.8'), clientNetwork('203.0.113.7'))
  t.end()
})
