# Read by llama.cpp's own project() when its wheel is built (Makefile): offhook links libllama and ggml alone, and
# llama.cpp's common library, which the wheel's recipe asks for, is a third of the compile steps.
# An option() leaves a variable alone that is set already (CMake's policy CMP0077).
set(LLAMA_BUILD_COMMON OFF)

# ggml's code for Intel's matrix tiles (AMX: Xeons since 2023) configures them from a local variable that GCC 12
# takes for unused, and the first instruction that uses a tile ends the process (ggml-org/llama.cpp, pull request
# 26954).  Without it such a processor computes by AVX-512 like others.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  include(CheckCXXCompilerFlag)
  check_cxx_compiler_flag(-mno-amx-tile OFFHOOK_KNOWS_AMX)
  if(OFFHOOK_KNOWS_AMX)
    add_compile_options(
      $<$<COMPILE_LANGUAGE:C,CXX>:-mno-amx-tile>
      $<$<COMPILE_LANGUAGE:C,CXX>:-mno-amx-int8>
      $<$<COMPILE_LANGUAGE:C,CXX>:-mno-amx-bf16>
    )
  endif()
endif()
