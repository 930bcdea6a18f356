#include "llm/llama_model.h"

#include <llama.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "llm/llama_library.h"

namespace offhook::llm {

namespace {

constexpr size_t kMaxTextBytes = 16U << 20;

EngineError model_error(const std::string& message) {
  return {ErrorCode::kModel, message};
}

std::string last_complaint() {
  const auto lines = library_log();
  return lines.empty() ? "no reason given" : lines.back();
}

/// Whether a token's text says that a sentence, or the quotation that it stands in, ends before it.
///
/// `."`, `?` and `"` do, `...` says the opposite, and the dot in `.com` or `.5` says nothing.  Measured
/// with bench/bench_end_of_turn.py on 280 phrases: separates finished from cut-off ones better (0.986
/// of pairs in order for 0.981) than everything that begins with a dot.
bool closes_sentence(std::string_view text) {
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || (static_cast<unsigned char>(c) & 0x80) != 0;
  };
  if (text.starts_with('"') || text.starts_with("\xE2\x80\x9D")) {
    const size_t quote = text.starts_with('"') ? 1 : 3;
    return text.size() == quote || !is_word(text[quote]);
  }
  if (text.starts_with(' ')) text.remove_prefix(1);
  if (text.empty() || std::string_view(".?!").find(text.front()) == std::string_view::npos) return false;
  return !text.starts_with("..") && (text.size() == 1 || !is_word(text[1]));
}

}  // namespace

std::shared_ptr<LlamaModel> LlamaModel::load(const std::string& path, const ModelSettings& settings) {
  capture_library_log();
  llama_backend_init();
  load_backends();
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) throw model_error(path + ": cannot be read: " + std::strerror(errno));
  char magic[4] = {};
  const bool is_gguf =
      std::fread(magic, 1, sizeof magic, file) == sizeof magic && std::string_view(magic, 4) == "GGUF";
  std::fclose(file);
  if (!is_gguf) throw model_error(path + ": not a GGUF file");

  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = settings.n_gpu_layers;
  params.load_mode = settings.use_mmap ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
  // Tiles are one of the extra kinds of buffers.  The other one, weights laid out for AVX-512, goes with
  // them: a prompt is read some percent slower, which is why our own builds have no tiles (.ci/llama.cmake).
  if (multiplies_by_tiles()) params.use_extra_bufts = false;
  llama_model* model = nullptr;
  try {
    model = llama_model_load_from_file(path.c_str(), params);
  } catch (const std::exception& error) {
    throw model_error(path + ": cannot be loaded: " + error.what());
  }
  if (model == nullptr) throw model_error(path + ": cannot be loaded: " + last_complaint());
  const std::shared_ptr<LlamaModel> loaded(new LlamaModel(model));
  loaded->refuse_if_unfit();
  loaded->index_vocabulary();
  return loaded;
}

LlamaModel::LlamaModel(llama_model* model) : model_(model), vocab_(llama_model_get_vocab(model)) {}

LlamaModel::~LlamaModel() {
  llama_model_free(model_);
}

void LlamaModel::refuse_if_unfit() const {
  // Rolling back to a mark means forgetting the last tokens; these kinds can only forget everything.
  if (llama_model_is_recurrent(model_))
    throw model_error(description() + ": recurrent models cannot be rolled back");
  if (llama_model_is_hybrid(model_))
    throw model_error(description() + ": hybrid models cannot be rolled back");
  if (llama_model_is_diffusion(model_))
    throw model_error(description() + ": diffusion models do not write word by word");
  if (llama_model_has_encoder(model_) || !llama_model_has_decoder(model_)) {
    throw model_error(description() + ": not a decoder-only language model");
  }
  if (llama_vocab_n_tokens(vocab_) <= 0) throw model_error(description() + ": has no vocabulary");
}

void LlamaModel::index_vocabulary() {
  const int32_t n = llama_vocab_n_tokens(vocab_);
  pieces_.resize(static_cast<size_t>(n));
  ends_.resize(static_cast<size_t>(n));
  std::string buffer(256, '\0');
  for (Token token = 0; token < n; ++token) {
    const auto index = static_cast<size_t>(token);
    ends_[index] = llama_vocab_is_eog(vocab_, token);
    int32_t length =
        llama_token_to_piece(vocab_, token, buffer.data(), static_cast<int32_t>(buffer.size()), 0, false);
    if (length < 0) {
      buffer.resize(static_cast<size_t>(-length));
      length =
          llama_token_to_piece(vocab_, token, buffer.data(), static_cast<int32_t>(buffer.size()), 0, false);
    }
    if (length > 0 && !is_control(token)) pieces_[index].assign(buffer, 0, static_cast<size_t>(length));
    if (ends_[index] || closes_sentence(pieces_[index])) sentence_ends_.push_back(token);
  }
}

int32_t LlamaModel::size() const noexcept {
  return static_cast<int32_t>(pieces_.size());
}

bool LlamaModel::ends_message(Token token) const noexcept {
  return token >= 0 && token < size() && ends_[static_cast<size_t>(token)];
}

std::string_view LlamaModel::piece(Token token) const noexcept {
  return token >= 0 && token < size() ? std::string_view(pieces_[static_cast<size_t>(token)])
                                      : std::string_view();
}

bool LlamaModel::is_control(Token token) const noexcept {
  return token >= 0 && token < size() && llama_vocab_is_control(vocab_, token);
}

std::vector<Token> LlamaModel::tokenize(std::string_view text, bool markup) const {
  if (text.empty()) return {};
  if (text.size() > kMaxTextBytes) throw EngineError(ErrorCode::kInvalid, "the text is longer than 16 MiB");
  const auto bytes = static_cast<int32_t>(text.size());
  std::vector<Token> tokens(text.size() / 3 + 16);
  const auto fill = [&] {
    return llama_tokenize(vocab_, text.data(), bytes, tokens.data(), static_cast<int32_t>(tokens.size()),
                          false, markup);
  };
  int32_t count = fill();
  if (count < 0 && count != INT32_MIN) {
    tokens.resize(static_cast<size_t>(-count));
    count = fill();
  }
  if (count < 0) throw EngineError(ErrorCode::kInvalid, "the text cannot be tokenised");
  tokens.resize(static_cast<size_t>(count));
  if (!markup) {
    // The tokeniser promises this; a caller must not be able to write our markup, so it is checked.
    const auto is_markup = [this](Token token) { return is_control(token) || ends_message(token); };
    if (std::any_of(tokens.begin(), tokens.end(), is_markup)) {
      throw EngineError(ErrorCode::kInvalid, "the text holds the model's control tokens");
    }
  }
  return tokens;
}

std::string LlamaModel::detokenize(std::span<const Token> tokens) const {
  std::string text;
  for (const Token token : tokens) text += piece(token);
  return text;
}

std::optional<Token> LlamaModel::begin_token() const noexcept {
  const Token token = llama_vocab_bos(vocab_);
  if (!llama_vocab_get_add_bos(vocab_) || token < 0 || token >= size()) return std::nullopt;
  return token;
}

std::string LlamaModel::markup_piece(Token token) const {
  if (token < 0 || token >= size()) return {};
  const char* text = llama_vocab_get_text(vocab_, token);
  return text ? text : "";
}

std::string LlamaModel::description() const {
  char text[256] = {};
  llama_model_desc(model_, text, sizeof text);
  return text;
}

std::optional<std::string> LlamaModel::metadata(const std::string& key) const {
  const int32_t length = llama_model_meta_val_str(model_, key.c_str(), nullptr, 0);
  if (length < 0) return std::nullopt;
  std::string value(static_cast<size_t>(length) + 1, '\0');
  llama_model_meta_val_str(model_, key.c_str(), value.data(), value.size());
  value.resize(static_cast<size_t>(length));
  return value;
}

std::optional<std::string> LlamaModel::chat_template() const {
  const char* text = llama_model_chat_template(model_, nullptr);
  if (text == nullptr) return std::nullopt;
  return text;
}

int32_t LlamaModel::trained_context_tokens() const noexcept {
  return llama_model_n_ctx_train(model_);
}

uint64_t LlamaModel::parameters() const noexcept {
  return llama_model_n_params(model_);
}

uint64_t LlamaModel::size_bytes() const noexcept {
  return llama_model_size(model_);
}

bool LlamaModel::sliding_window() const noexcept {
  return llama_model_n_swa(model_) > 0;
}

void requantise(const std::string& source, const std::string& target, int32_t threads) {
  capture_library_log();
  llama_model_quantize_params params = llama_model_quantize_default_params();
  params.nthread = threads;
  params.ftype = LLAMA_FTYPE_MOSTLY_Q4_0;
  params.allow_requantize = true;
  uint32_t failed = 1;
  try {
    failed = llama_model_quantize(source.c_str(), target.c_str(), &params);
  } catch (const std::exception& error) {
    std::remove(target.c_str());
    throw model_error(source + ": cannot be requantised: " + error.what());
  }
  if (failed != 0) {
    std::remove(target.c_str());
    throw model_error(source + ": cannot be requantised: " + last_complaint());
  }
}

}  // namespace offhook::llm
