// Which libllama is loaded, and what it has to say.

#pragma once

#include <string>
#include <vector>

namespace offhook::llm {

/// Version and commit of the library whose headers this was compiled with: "0.5.0-dev 0c1e570".
std::string compiled_library();

/// The same of the library that is loaded.
std::string loaded_library();

/// Throws EngineError(kModel) when the loaded library is not the one compiled against: structs
/// passed by value would be read wrongly, and a wrong read ends every call.
void require_same_library();

/// Where the library was built with its processor's code apart (a wheel's: one for each kind of processor),
/// loads the best for this one, out of the folder that the library lies in.  Otherwise does nothing.
/// Throws EngineError(kModel) when there is none.  Any thread.
void load_backends();

/// Whether the loaded library multiplies by Intel's matrix tiles (AMX) on this processor.  Compiled by GCC 12
/// that ends the process: the tiles' configuration is optimised away (ggml-org/llama.cpp, pull request
/// 26954).
bool multiplies_by_tiles();

/// From now on the library's messages go to a bounded memory, not to standard error.
/// The library's logger is one for the process: the Python package llama_cpp sets its own, which takes
/// Python's lock, when it is imported.  Cheap; the backend calls it before each batch.
void capture_library_log();

/// The last warnings and errors (at most 100), oldest first; any thread.
std::vector<std::string> library_log();

}  // namespace offhook::llm
