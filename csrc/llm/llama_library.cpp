#include "llm/llama_library.h"

#include <dlfcn.h>
#include <ggml-backend.h>
#include <llama.h>

#include <deque>
#include <mutex>
#include <string_view>

#include "llm/engine_error.h"

namespace offhook::llm {

namespace {

constexpr size_t kLines = 100;
constexpr size_t kLineBytes = 500;

struct Log {
  std::mutex mutex;
  std::deque<std::string> lines;
  std::string unfinished;
};

Log& the_log() {
  static auto* const log = new Log;  // never destroyed: the library may log until the process ends
  return *log;
}

// Any thread of the library's.
void keep(ggml_log_level level, const char* text, void* /*user*/) {
  if (text == nullptr || (level != GGML_LOG_LEVEL_WARN && level != GGML_LOG_LEVEL_ERROR)) return;
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  log.unfinished += text;
  while (true) {
    const size_t end = log.unfinished.find('\n');
    if (end == std::string::npos && log.unfinished.size() < kLineBytes) break;
    log.lines.push_back(log.unfinished.substr(0, std::min(end, kLineBytes)));
    log.unfinished.erase(0, end == std::string::npos ? log.unfinished.size() : end + 1);
    if (log.lines.size() > kLines) log.lines.pop_front();
  }
}

}  // namespace

std::string compiled_library() {
  return OFFHOOK_LLAMA_VERSION " " OFFHOOK_LLAMA_COMMIT;
}

std::string loaded_library() {
  return std::string(llama_version()) + " " + ggml_commit();
}

void require_same_library() {
  // A build from the package's sdist reports its commit as "0c1e570-dirty".
  const std::string_view commit(ggml_commit());
  const std::string_view wanted(OFFHOOK_LLAMA_COMMIT);
  if (std::string_view(llama_version()) == OFFHOOK_LLAMA_VERSION && commit.substr(0, wanted.size()) == wanted)
    return;
  throw EngineError(ErrorCode::kModel,
                    "offhook was compiled against libllama " + compiled_library() + ", but " +
                        loaded_library() +
                        " is loaded; install the pinned llama-cpp-python, or rebuild offhook");
}

void load_backends() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (ggml_backend_dev_count() > 0) return;
  Dl_info library{};
  if (dladdr(reinterpret_cast<const void*>(&ggml_backend_dev_count), &library) != 0) {
    const std::string path(library.dli_fname);
    ggml_backend_load_all_from_path(path.substr(0, path.find_last_of('/')).c_str());
  }
  if (ggml_backend_dev_count() == 0)
    throw EngineError(ErrorCode::kModel,
                      "libllama found no code for this processor beside itself; install offhook again");
}

bool multiplies_by_tiles() {
  // "CPU : SSE3 = 1 | ... | AMX_INT8 = 1 | ..."; what a processor lacks is not named.
  return std::string_view(llama_print_system_info()).find("AMX_INT8 = 1") != std::string_view::npos;
}

void capture_library_log() {
  ggml_log_callback callback = nullptr;
  void* user = nullptr;
  llama_log_get(&callback, &user);
  if (callback != keep) llama_log_set(keep, nullptr);
}

std::vector<std::string> library_log() {
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  return {log.lines.begin(), log.lines.end()};
}

}  // namespace offhook::llm
