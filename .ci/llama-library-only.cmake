# Read by llama.cpp's own project() when its wheel is built (Makefile): offhook links libllama and ggml alone, and
# llama.cpp's common library, which the wheel's recipe asks for, is a third of the compile steps.
# An option() leaves a variable alone that is set already (CMake's policy CMP0077).
set(LLAMA_BUILD_COMMON OFF)
