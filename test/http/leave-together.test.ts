import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { leaveWithOthers } from '../../src/http/leave-together.ts'

void t.test(
  'an answer of several that cannot be sent: told of, and the others leave',
  async (t) => {
    const left: string[] = []
    const noFault = (error: unknown) => t.fail(String(error))
    const fault = new Error('no')
    leaveWithOthers(() => left.push('first'), noFault)
    leaveWithOthers(
      () => {
        throw fault
      },
      (error) => {
        t.equal(error, fault)
        left.push('fault')
      }
    )
    leaveWithOthers(() => left.push('last'), noFault)
    t.strictSame(left, [], 'none leaves before the turn ends')
    await nextTurn()
    await nextTurn()
    t.strictSame(left, ['first', 'fault', 'last'])
  }
)
