import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, Socket, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { refuseMalformed } from '../../src/http/refuse-malformed.ts'

void t.test(
  'a body that never comes, of a request that is being answered: no refusal within that answer',
  async (t) => {
    const server = createServer(
      { requestTimeout: 200, connectionsCheckingInterval: 50 },
      (_request, response) => {
        response.writeHead(200, { 'content-length': 1_000 })
        response.write('the beginning')
      }
    )
    const told: number[] = []
    server.on('clientError', (error, socket) => {
      if (!(socket instanceof Socket)) throw new Error('A connection is a socket.')
      refuseMalformed(error, socket, {}, (status) => told.push(status))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nhost: here\r\ncontent-length: 5\r\n\r\n')
    t.match(await text(socket), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nthe beginning$/)
    t.strictSame(told, [])
  }
)
