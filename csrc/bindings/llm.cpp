// The language model engine for Python.
//
// Text crosses as runs: (text, is it markup?, does a turn begin with it?).  Everything that takes the
// engine's lock or the tokeniser's time does so without the GIL, apart from destructors, when the last
// reference goes; nothing here waits for a computation.

#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/module.h"
#include "llm/engine.h"
#include "llm/llama_backend.h"
#include "llm/llama_library.h"
#include "llm/llama_model.h"

namespace offhook {
namespace {

using namespace llm;
using Runs = std::vector<std::tuple<std::string, bool, bool>>;
using NoGil = py::call_guard<py::gil_scoped_release>;

void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const EngineError& error) {
    const char* name = error.code() == ErrorCode::kBusy ? "BusyError" : "ModelError";
    const py::object kind = error.code() == ErrorCode::kInvalid
                                ? py::module_::import("builtins").attr("ValueError")
                                : py::module_::import("offhook.errors").attr(name);
    PyErr_SetString(kind.ptr(), error.what());
  }
}

const char* name_of(Finish finish) {
  switch (finish) {
    case Finish::kNone:
      return "";
    case Finish::kEnd:
      return "end";
    case Finish::kStop:
      return "stop";
    case Finish::kLength:
      return "length";
    case Finish::kContext:
      return "context";
    case Finish::kCancelled:
      return "cancelled";
    case Finish::kFailed:
      return "failed";
  }
  return "failed";
}

struct Written {
  std::vector<Token> tokens;
  std::vector<int32_t> turns;
};

Written write(const LlamaModel& model, const Runs& runs) {
  Written written;
  for (const auto& [text, markup, begins_turn] : runs) {
    const std::vector<Token> tokens = model.tokenize(text, markup);
    if (begins_turn && !tokens.empty()) written.turns.push_back(static_cast<int32_t>(written.tokens.size()));
    written.tokens.insert(written.tokens.end(), tokens.begin(), tokens.end());
  }
  return written;
}

std::vector<Token> write_prefix(const LlamaModel& model, const Runs& runs) {
  std::vector<Token> tokens = write(model, runs).tokens;
  const auto begin = model.begin_token();
  if (begin && (tokens.empty() || tokens.front() != *begin)) tokens.insert(tokens.begin(), *begin);
  return tokens;
}

/// A draft's tokens: never markup, and not more than the engine keeps.
std::vector<Token> write_draft(const LlamaModel& model, std::string_view text) {
  size_t bytes = std::min(text.size(), static_cast<size_t>(kDraftTokens) * 16);
  while (bytes > 0 && bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80)
    --bytes;
  return model.tokenize(text.substr(0, bytes), false);
}

/// A conversation together with the words of its model.
class PyConversation {
 public:
  PyConversation(std::shared_ptr<const LlamaModel> model, std::unique_ptr<Conversation> native)
      : model_(std::move(model)), native_(std::move(native)) {}

  Conversation& get() { return *native_; }
  const LlamaModel& model() const { return *model_; }

  void append(const Runs& runs) {
    const Written written = write(*model_, runs);
    native_->append(written.tokens, written.turns);
  }

 private:
  std::shared_ptr<const LlamaModel> model_;
  std::unique_ptr<Conversation> native_;
};

class PyPreload {
 public:
  PyPreload(std::unique_ptr<Preload> native, int32_t tokens) : native_(std::move(native)), tokens_(tokens) {}
  Preload& get() { return *native_; }
  int32_t tokens() const { return tokens_; }

 private:
  std::unique_ptr<Preload> native_;
  int32_t tokens_;
};

class PyEngine {
 public:
  PyEngine(std::shared_ptr<const LlamaModel> model, const BackendSettings& backend,
           const EngineSettings& settings)
      : model_(std::move(model)), engine_(std::make_shared<LlamaBackend>(model_, backend), settings) {}

  Engine& get() { return engine_; }

  std::unique_ptr<PyConversation> open(const Runs& prefix, bool committed) {
    return std::make_unique<PyConversation>(model_, engine_.open(write_prefix(*model_, prefix), committed));
  }

  std::unique_ptr<PyPreload> preload(const Runs& prefix) {
    std::vector<Token> tokens = write_prefix(*model_, prefix);
    const auto size = static_cast<int32_t>(tokens.size());
    return std::make_unique<PyPreload>(engine_.preload(std::move(tokens)), size);
  }

 private:
  std::shared_ptr<const LlamaModel> model_;
  Engine engine_;
};

CacheType cache_type(const std::string& name) {
  if (name == "f16") return CacheType::kF16;
  if (name == "f32") return CacheType::kF32;
  if (name == "q8_0") return CacheType::kQ8_0;
  if (name == "q4_0") return CacheType::kQ4_0;
  throw EngineError(ErrorCode::kInvalid, "a cache type is f16, f32, q8_0 or q4_0, not " + name);
}

std::unique_ptr<PyEngine> make_engine(const std::shared_ptr<LlamaModel>& model, int32_t calls,
                                      int32_t prefixes, int32_t context_tokens, int32_t call_tokens,
                                      int32_t batch_tokens, int32_t threads, int32_t batch_threads,
                                      std::optional<bool> flash_attention, const std::string& key_type,
                                      const std::string& value_type, bool full_window, bool reproducible,
                                      int32_t queue_pieces, int32_t parked_tokens, Nanoseconds decode_ns,
                                      Nanoseconds prefill_token_ns, const std::shared_ptr<Cores>& cores) {
  BackendSettings backend;
  backend.cells = context_tokens;
  backend.sequences = calls + prefixes;
  backend.batch_tokens = batch_tokens;
  backend.threads = threads;
  backend.batch_threads = batch_threads;
  if (flash_attention)
    backend.flash_attention = *flash_attention ? FlashAttention::kOn : FlashAttention::kOff;
  backend.key_type = cache_type(key_type);
  backend.value_type = cache_type(value_type);
  backend.full_window = full_window;
  backend.reproducible = reproducible;
  EngineSettings settings;
  settings.calls = calls;
  settings.prefixes = prefixes;
  settings.call_tokens = call_tokens;
  settings.queue_pieces = queue_pieces;
  settings.parked_tokens = parked_tokens;
  settings.scheduler.max_batch_tokens =
      reproducible ? std::min(batch_tokens, kReproducibleBatchTokens) : batch_tokens;
  settings.decode_ns = decode_ns;
  settings.prefill_token_ns = prefill_token_ns;
  settings.prefill_tokens = kTuningTokens;
  settings.cores = cores;
  return std::make_unique<PyEngine>(model, backend, settings);
}

std::unique_ptr<Generation> generate(PyConversation& conversation, int32_t max_tokens,
                                     std::vector<std::string> stop, const std::string& draft,
                                     float temperature, int32_t top_k, float top_p, float min_p,
                                     float repeat_penalty, float frequency_penalty, float presence_penalty,
                                     uint32_t seed, const std::optional<std::string>& grammar,
                                     const std::string& grammar_root,
                                     std::vector<std::string> grammar_triggers) {
  GenerationOptions options;
  options.max_tokens = max_tokens;
  options.stop = std::move(stop);
  options.draft = write_draft(conversation.model(), draft);
  SamplingOptions& sampling = options.sampling;
  sampling.temperature = temperature;
  sampling.top_k = top_k;
  sampling.top_p = top_p;
  sampling.min_p = min_p;
  sampling.repeat_penalty = repeat_penalty;
  sampling.frequency_penalty = frequency_penalty;
  sampling.presence_penalty = presence_penalty;
  sampling.seed = seed;
  if (grammar) sampling.grammar = GrammarOptions{*grammar, grammar_root, std::move(grammar_triggers)};
  return conversation.get().generate(options);
}

py::dict stats_of(PyEngine& engine) {
  EngineStats stats;
  {
    const py::gil_scoped_release release;
    stats = engine.get().stats();
  }
  using namespace py::literals;
  return py::dict("calls"_a = stats.calls, "prefixes"_a = stats.prefixes, "cells"_a = stats.cells,
                  "cells_used"_a = stats.cells_used, "batches"_a = stats.batches,
                  "batch_tokens"_a = stats.batch_tokens, "generated_tokens"_a = stats.generated_tokens,
                  "drafted_tokens"_a = stats.drafted_tokens, "accepted_tokens"_a = stats.accepted_tokens,
                  "prefix_hits"_a = stats.prefix_hits, "prefix_misses"_a = stats.prefix_misses,
                  "prefix_evictions"_a = stats.prefix_evictions, "prefix_restores"_a = stats.prefix_restores,
                  "dropped_tokens"_a = stats.dropped_tokens, "failures"_a = stats.failures,
                  "decoding_ns"_a = stats.decoding_ns);
}

void bind_model(py::module_& module) {
  py::classh<LlamaModel>(module, "LlmModel")
      .def(py::init([](const std::string& path, int32_t n_gpu_layers) {
             const py::gil_scoped_release release;
             return LlamaModel::load(path, {n_gpu_layers, true});
           }),
           py::arg("path"), py::kw_only(), py::arg("n_gpu_layers") = 0)
      .def_property_readonly("description", &LlamaModel::description)
      .def_property_readonly("chat_template", &LlamaModel::chat_template)
      .def_property_readonly("trained_context_tokens", &LlamaModel::trained_context_tokens)
      .def_property_readonly("size_bytes", &LlamaModel::size_bytes)
      .def_property_readonly("parameters", &LlamaModel::parameters)
      .def_property_readonly("sliding_window", &LlamaModel::sliding_window)
      .def_property_readonly("begin_text",
                             [](const LlamaModel& model) {
                               const auto token = model.begin_token();
                               return token ? model.markup_piece(*token) : std::string();
                             })
      .def("tokenize", &LlamaModel::tokenize, py::arg("text"), py::kw_only(), py::arg("markup"), NoGil())
      .def(
          "piece", [](const LlamaModel& model, Token token) { return py::bytes(model.piece(token)); },
          py::arg("token"))
      .def("is_control", &LlamaModel::is_control, py::arg("token"))
      .def(
          "tune_threads",
          [](const std::shared_ptr<LlamaModel>& model, int32_t max_threads, int32_t rounds,
             bool reproducible) {
            std::vector<ThreadTiming> timings;
            {
              const py::gil_scoped_release release;
              timings = tune_threads(model, max_threads, rounds, reproducible);
            }
            py::list out;
            for (const ThreadTiming& timing : timings) {
              out.append(py::make_tuple(timing.threads, timing.decode_ns, timing.prefill_ns / kTuningTokens));
            }
            return out;
          },
          py::arg("max_threads"), py::arg("rounds"), py::arg("reproducible"));
}

void bind_engine(py::module_& module) {
  py::classh<PyEngine>(module, "LlmEngine")
      .def(py::init(&make_engine), py::arg("model"), py::kw_only(), py::arg("calls"), py::arg("prefixes"),
           py::arg("context_tokens"), py::arg("call_tokens"), py::arg("batch_tokens"), py::arg("threads"),
           py::arg("batch_threads"), py::arg("flash_attention") = py::none(), py::arg("key_type") = "f16",
           py::arg("value_type") = "f16", py::arg("full_window") = true, py::arg("reproducible") = false,
           py::arg("queue_pieces") = 256, py::arg("parked_tokens") = 0, py::arg("decode_ns") = 0,
           py::arg("prefill_token_ns") = 0, py::arg("cores") = py::none(), NoGil())
      .def_property_readonly("event_fd", [](PyEngine& engine) { return engine.get().event_fd(); })
      .def(
          "poll", [](PyEngine& engine) { return engine.get().poll(); }, NoGil())
      .def("open", &PyEngine::open, py::arg("prefix"), py::kw_only(), py::arg("committed") = true, NoGil())
      .def("preload", &PyEngine::preload, py::arg("prefix"), NoGil())
      .def("stats", &stats_of)
      .def("health",
           [](PyEngine& engine) {
             const Health health = engine.get().health();
             return py::make_tuple(health.last_progress_ns, health.decoding_since_ns, health.stopped);
           })
      .def(
          "wake", [](PyEngine& engine) { engine.get().wake(); }, NoGil())
      .def("stop", [](PyEngine& engine) { engine.get().stop(); }, NoGil());
  py::classh<PyPreload>(module, "LlmPreload")
      .def_property_readonly("id", [](PyPreload& preload) { return preload.get().id(); })
      .def_property_readonly("tokens", &PyPreload::tokens)
      .def("done", [](PyPreload& preload) { return preload.get().done(); }, NoGil());
}

void bind_conversation(py::module_& module) {
  const auto to_tuple = [](const Mark& mark) { return std::make_tuple(mark.position, mark.serial); };
  py::classh<PyConversation>(module, "LlmConversation")
      .def_property_readonly("id", [](PyConversation& c) { return c.get().id(); })
      .def_property_readonly("tokens_limit", [](PyConversation& c) { return c.get().tokens_limit(); })
      .def(
          "start", [to_tuple](PyConversation& c) { return to_tuple(c.get().start()); }, NoGil())
      .def("append", &PyConversation::append, py::arg("runs"), NoGil())
      .def(
          "mark", [to_tuple](PyConversation& c) { return to_tuple(c.get().mark()); }, NoGil())
      .def(
          "rollback",
          [](PyConversation& c, int64_t position, uint64_t serial) { c.get().rollback({position, serial}); },
          py::arg("position"), py::arg("serial"), NoGil())
      .def("generate", &generate, py::kw_only(), py::arg("max_tokens"),
           py::arg("stop") = std::vector<std::string>(), py::arg("draft") = "", py::arg("temperature") = 0.0F,
           py::arg("top_k") = 40, py::arg("top_p") = 1.0F, py::arg("min_p") = 0.0F,
           py::arg("repeat_penalty") = 1.0F, py::arg("frequency_penalty") = 0.0F,
           py::arg("presence_penalty") = 0.0F, py::arg("seed") = 0, py::arg("grammar") = py::none(),
           py::arg("grammar_root") = "root", py::arg("grammar_triggers") = std::vector<std::string>(),
           NoGil())
      .def(
          "keep_answer", [](PyConversation& c, size_t bytes) { c.get().keep_answer(bytes); },
          py::arg("bytes"), NoGil())
      .def(
          "ask_end_probability", [](PyConversation& c) { return c.get().ask_end_probability(); }, NoGil())
      .def(
          "end_answer",
          [](PyConversation& c, uint64_t question) {
            const EndAnswer answer = c.get().end_answer(question);
            std::optional<double> probability;
            if (answer.state == EndAnswer::State::kGiven) probability = answer.probability;
            return std::make_tuple(answer.state != EndAnswer::State::kWaiting, probability);
          },
          py::arg("question"), NoGil())
      .def(
          "ask_computed", [](PyConversation& c) { c.get().ask_computed(); }, NoGil())
      .def(
          "state",
          [](PyConversation& c) {
            const Conversation::State state = c.get().state();
            return std::make_tuple(state.tokens, state.computed, state.dropped, state.failure);
          },
          NoGil())
      .def(
          "set_committed",
          [](PyConversation& c, bool committed, Nanoseconds since_ns) {
            c.get().set_committed(committed, since_ns);
          },
          py::arg("committed"), py::arg("since_ns") = 0, NoGil())
      .def("close", [](PyConversation& c) { c.get().close(); }, NoGil());
  py::classh<Generation>(module, "LlmGeneration")
      .def_property_readonly("id", &Generation::id)
      .def("take",
           [](Generation& generation) {
             Generation::Taken taken;
             {
               const py::gil_scoped_release release;
               taken = generation.take();
             }
             return py::make_tuple(taken.text, name_of(taken.finish), taken.error);
           })
      .def("cancel", &Generation::cancel, NoGil())
      .def("stats", [](const Generation& generation) {
        GenerationStats stats;
        {
          const py::gil_scoped_release release;
          stats = generation.stats();
        }
        return py::make_tuple(stats.prompt_tokens_reused, stats.prompt_tokens_computed,
                              stats.generated_tokens, stats.decodes, stats.submitted_ns, stats.first_token_ns,
                              stats.drafted_tokens, stats.accepted_tokens);
      });
}

}  // namespace

void bind_llm(py::module_& module) {
  // Before anything else touches the library: a foreign one would be misread, not refused.
  try {
    require_same_library();
  } catch (const EngineError& error) {
    throw py::import_error(error.what());
  }
  py::register_local_exception_translator(translate);
  bind_model(module);
  bind_engine(module);
  bind_conversation(module);
  module.def("llm_requantise", &requantise, py::arg("source"), py::arg("target"), py::kw_only(),
             py::arg("threads"), NoGil());
  module.def("llm_library", [] { return py::make_tuple(compiled_library(), loaded_library()); });
  module.def("llm_log", &library_log);
}

}  // namespace offhook
