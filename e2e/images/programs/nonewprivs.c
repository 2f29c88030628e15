// SPDX-License-Identifier: Apache-2.0
//
// Stands in an image as a set-uid root program: what it prints tells whether the kernel honoured the bit.
#include <stdio.h>
#include <unistd.h>

int main(void) { return printf("Effective uid: %u\n", (unsigned)geteuid()) < 0; }
