// What an older processor would have told a library that asks which instructions there are: for
// `make test-kernels` alone.
//
// ONNX Runtime chooses its kernels by the instruction `cpuid` and lets nobody overrule it.  In a copy of that
// library (patch.py) each `cpuid` is made an illegal instruction, which is as long; here it is carried out
// when it traps, and from the answer the newer instructions are taken away.
//
// OFFHOOK_TEST_CPU: "avx2" takes AVX-512, AVX-VNNI and AMX away (int8 products are then summed with
// saturation, as on most desktops), "avx" AVX2, FMA, F16C and BMI as well.
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define BIT(n) (1u << (n))

static int without_avx2;

static void take_away(unsigned leaf, unsigned subleaf, unsigned* a, unsigned* b, unsigned* c, unsigned* d) {
  if (leaf == 1 && without_avx2) {
    *c &= ~(BIT(12) | BIT(29));  // FMA, F16C
  } else if (leaf == 7 && subleaf == 0) {
    *b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));  // AVX-512
    *c &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));                                  // AVX-512
    *d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));               // AVX-512, AMX
    if (without_avx2) *b &= ~(BIT(3) | BIT(5) | BIT(8));  // BMI1, AVX2, BMI2
  } else if (leaf == 7 && subleaf == 1) {
    *a &= ~(BIT(4) | BIT(5) | BIT(21));            // AVX-VNNI, AVX-512 BF16, AMX FP16
    *d &= ~(BIT(4) | BIT(5) | BIT(10) | BIT(19));  // AVX-VNNI-INT8, AVX-NE-CONVERT, AVX-VNNI-INT16, AVX10
  }
}

static void trapped(int number, siginfo_t* info, void* context) {
  (void)info;
  greg_t* reg = ((ucontext_t*)context)->uc_mcontext.gregs;
  const unsigned char* code = (const unsigned char*)reg[REG_RIP];
  if (code[0] != 0x0f || code[1] != 0x0b) {  // not ours: it ends the process, as it would have
    signal(number, SIG_DFL);
    return;
  }
  const unsigned leaf = (unsigned)reg[REG_RAX], subleaf = (unsigned)reg[REG_RCX];
  unsigned a, b, c, d;
  __cpuid_count(leaf, subleaf, a, b, c, d);
  take_away(leaf, subleaf, &a, &b, &c, &d);
  reg[REG_RAX] = a;
  reg[REG_RBX] = b;
  reg[REG_RCX] = c;
  reg[REG_RDX] = d;
  reg[REG_RIP] += 2;
}

__attribute__((constructor)) static void begin(void) {
  const char* cpu = getenv("OFFHOOK_TEST_CPU");
  without_avx2 = cpu && strcmp(cpu, "avx") == 0;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = trapped;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGILL, &action, NULL);
}
