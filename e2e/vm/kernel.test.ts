// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../runtime-core/errors.ts'
import { loadOrder } from './kernel.ts'

const DEP = `kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko kernel/lib/crc16.ko
kernel/fs/jbd2/jbd2.ko: kernel/lib/crc16.ko
kernel/lib/crc16.ko:
kernel/drivers/virtio/virtio-pci.ko:
`

test('modules are loaded after what they need, each once', () => {
  assert.equal(loadOrder(DEP, ['virtio_pci', 'ext4', 'jbd2']), [
    'kernel/drivers/virtio/virtio-pci.ko',
    'kernel/lib/crc16.ko',
    'kernel/fs/jbd2/jbd2.ko',
    'kernel/fs/ext4/ext4.ko',
  ])
})

test('a module that the kernel does not have is named', () => {
  try {
    loadOrder(DEP, ['9p'])
    assert.unreachable()
  } catch (error) {
    assert.ok(hasCode(error, 'not_found'))
    assert.match(error.message, 'find kernel module "9p"')
  }
})

test.run()
