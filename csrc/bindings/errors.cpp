// The one place where C++ exceptions become Python's.
//
// std::invalid_argument becomes ValueError and std::bad_alloc MemoryError by pybind11 itself.

#include "bindings/errors.h"

#include <exception>
#include <system_error>

#include "audio/media_loop.h"
#include "bindings/module.h"

namespace offhook {
namespace {

void raise_python_error(const char* name, const char* message) {
  // offhook.errors imports nothing, so this works as early as the module itself.
  const py::object kind = py::module_::import("offhook.errors").attr(name);
  PyErr_SetString(kind.ptr(), message);
}

void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const ModelLoadError& error) {
    raise_python_error("ModelError", error.what());
  } catch (const TooManyStreams& error) {
    raise_python_error("BusyError", error.what());
  } catch (const std::system_error& error) {
    // OSError(errno, text) picks the subclass, BrokenPipeError and the like.
    const py::object os_error =
        py::module_::import("builtins").attr("OSError")(error.code().value(), error.what());
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(os_error.ptr())), os_error.ptr());
  }
}

}  // namespace

void bind_errors(py::module_&) {
  py::register_local_exception_translator(translate);
}

}  // namespace offhook
