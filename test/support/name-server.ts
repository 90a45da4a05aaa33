import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Teardown } from './database.ts'

const HEADER_BYTES = 12
const TYPE_A = 1

/** Answers every question for an IPv4 address with the ones given, as the DNS of a container network does. */
export async function startNameServer(t: Teardown, addresses: () => string[]) {
  const socket = createSocket('udp4')
  socket.on('message', (query, { address, port }) => {
    socket.send(answer(query, addresses()), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(async () => {
    socket.close()
    await once(socket, 'close')
  })
  return { address: `127.0.0.1:${socket.address().port}` }
}

/** RFC 1035 §4: the header and the question again, and an address record for each. */
function answer(query: Buffer, addresses: string[]): Buffer {
  const endOfName = query.indexOf(0, HEADER_BYTES) + 1
  const question = query.subarray(HEADER_BYTES, endOfName + 4)
  const found = query.readUInt16BE(endOfName) === TYPE_A ? addresses : []
  const header = Buffer.alloc(HEADER_BYTES)
  query.copy(header, 0, 0, 2)
  header.writeUInt16BE(0x8580, 2) // an answer, with authority, without an error
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(found.length, 6)
  const records = found.map((address) => {
    const record = Buffer.from('c00c00010001000000000004', 'hex') // the name above, A, IN, kept for 0 s
    return Buffer.concat([record, Buffer.from(address.split('.').map(Number))])
  })
  return Buffer.concat([header, question, ...records])
}
