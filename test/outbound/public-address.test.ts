import t from 'tap'
import { isLoopbackAddress, isPublicAddress } from '../../src/platform/outbound/public-address.ts'

const NOT_PUBLIC = {
  'this network': ['0.0.0.0', '0.255.255.255', '::'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.255.255'],
  'carrier-grade NAT': ['100.64.0.1', '100.127.255.255', '100.100.100.200'],
  'link-local and metadata': ['169.254.169.254', 'fe80::1', 'febf::1', '168.63.129.16'],
  'unique-local': ['fc00::1', 'fdff::1', 'fd00:ec2::254'],
  documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.255', '2001:db8::1', '3fff::1'],
  benchmarks: ['198.18.0.1', '198.19.255.255', '2001:2::1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1'],
  'reserved and broadcast': ['192.0.0.192', '240.0.0.1', '255.255.255.255', '4000::1', '5f00::1'],
  'IPv4 in IPv6': ['::ffff:8.8.8.8', '::ffff:127.0.0.1', '::ffff:7f00:1', '::8.8.8.8'],
  'translated IPv4': ['64:ff9b::8.8.8.8', '64:ff9b::7f00:1', '64:ff9b:1::1'],
  'tunnelled IPv4': ['2002:7f00:1::1', '2001::1', '2001:0:53aa:64c::1', '192.88.99.1'],
  discard: ['100::1'],
  'site-local and 6bone': ['fec0::1', '3ffe::1'],
  'a zone': ['fe80::1%eth0', '2606:4700::1111%eth0'],
  'not an address': ['', 'localhost', '8.8.8', '8.8.8.8.8', '0x08080808', '010.8.8.8']
}

for (const [kind, addresses] of Object.entries(NOT_PUBLIC)) {
  void t.test(`an address, ${kind}: not public`, (t) => {
    for (const address of addresses) t.notOk(isPublicAddress(address), address)
    t.end()
  })
}

void t.test('an address, global unicast next to what is not: public', (t) => {
  for (const address of [
    ...['1.0.0.0', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0'],
    ...['126.255.255.255', '128.0.0.0', '172.15.255.255', '172.32.0.0', '192.167.255.255'],
    ...['198.17.255.255', '198.20.0.0', '223.255.255.255', '169.253.255.255', '169.255.0.0'],
    ...['2606:4700:4700::1111', '2a00:1450:4001::1', '2001:200::1', '2001:4860:4860::8888']
  ]) {
    t.ok(isPublicAddress(address), address)
  }
  t.end()
})

void t.test('loopback, by address: those of 127/8 and ::1 only', (t) => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1']) t.ok(isLoopbackAddress(address), address)
  for (const address of ['128.0.0.1', '::', '::ffff:127.0.0.1', 'localhost', '10.0.0.1']) {
    t.notOk(isLoopbackAddress(address), address)
  }
  t.end()
})
